// Small matrix products, whose sums stay in registers, for kernels that do something else before and after.
#pragma once

#include "vectors.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace {

INLINE i64 threads() {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

// The operands of a product at a time: one number of float32; or two of bfloat16, where there is an instruction for that.
template <typename T> struct Factor {
    using Lane = float;
    static constexpr i64 depth = 1;
    // Numbers of a row one after the other, `step` lanes apart.
    static INLINE void put_along(Lane* lanes, i64 step, const T* row, i64 count) {
        for (i64 c = 0; c < count; ++c) lanes[c * step] = load<float>(row + c);
    }
    // The row that is at `index` among those which a product sums over.
    static INLINE void put_across(Lane* lanes, i64, const T* row, i64 count) { put_along(lanes, 1, row, count); }
    static INLINE f16x add_product(f16x sum, Lane one, const Lane* many) { return sum + one * load<f16x>(many); }
    static INLINE void put_sixteen(Lane* lanes, i64 at, f16x x) { store<f16x>(lanes + at, x); }
    static INLINE f16x exp_of_negative(f16x x, float times) { return ::exp_of_negative<f16x>(x * times); }
    static INLINE f16x gelu(f16x x) { return ::gelu<f16x>(x); }
};
#ifdef __AVX512BF16__
template <> struct Factor<bf16> {
    using Lane = std::uint32_t;
    static constexpr i64 depth = 2;
    static INLINE void put_along(Lane* lanes, i64 step, const bf16* row, i64 count) {
        for (i64 c = 0; c < count / depth; ++c) std::memcpy(lanes + c * step, row + c * depth, sizeof(Lane));
    }
    static INLINE void put_across(Lane* lanes, i64 index, const bf16* row, i64 count) {
        for (i64 c = 0; c < count; ++c) {
            if (index % depth)
                lanes[c] |= Lane(row[c].bits) << 16;
            else
                lanes[c] = row[c].bits;
        }
    }
    static INLINE f16x add_product(f16x sum, Lane one, const Lane* many) {
        const auto pairs = bits_of<__m512bh>(_mm512_loadu_si512(many));
        return _mm512_dpbf16_ps(sum, bits_of<__m512bh>(_mm512_set1_epi32(int(one))), pairs);
    }
    static INLINE void put_sixteen(Lane* lanes, i64 at, f16x x) { store<f16x>(reinterpret_cast<bf16*>(lanes) + at, x); }
    static INLINE f16x exp_of_negative(f16x x, float times) { return rough_exp2_of_negative(x * (times * 1.44269504f)); }
    static INLINE f16x gelu(f16x x) { return rough_gelu(x); }
};
#endif

// Sums of some rows of 16 x VECTORS numbers.
template <typename T, int ROWS, int VECTORS> struct Sums {
    using Lane = typename Factor<T>::Lane;
    f16x of[ROWS][VECTORS];

    // Each row's factor times the same numbers.
    INLINE void add_products(const Lane* ones, i64 step, const Lane* many) {
#pragma GCC unroll 8
        for (i64 r = 0; r < ROWS; ++r)
            for (i64 v = 0; v < VECTORS; ++v)
                of[r][v] = Factor<T>::add_product(of[r][v], ones[r * step], many + 16 * v);
    }
};

}  // namespace
