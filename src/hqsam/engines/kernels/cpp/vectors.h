// Vectors of the compiler's own, so that nothing is written for one processor: 16 lanes become one instruction where
// there is AVX-512, and several elsewhere. (Two conversions have names of their own.)
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

using i64 = std::int64_t;

struct bf16 {
    std::uint16_t bits;
};

#define INLINE __attribute__((always_inline)) inline

namespace {

// 16 numbers, 8, or 1: what is computed at a time. Each with the types that it is cast to and from.
typedef float f16x __attribute__((vector_size(64)));
typedef float f8x __attribute__((vector_size(32)));
typedef std::uint8_t u16x __attribute__((vector_size(16)));

template <typename V> struct Of;
template <> struct Of<f16x> {
    static constexpr int lanes = 16;
    typedef std::int32_t ints __attribute__((vector_size(64)));
    typedef std::uint32_t words __attribute__((vector_size(64)));
    typedef std::uint16_t halves __attribute__((vector_size(32)));
};
template <> struct Of<f8x> {
    static constexpr int lanes = 8;
    typedef std::int32_t ints __attribute__((vector_size(32)));
    typedef std::uint32_t words __attribute__((vector_size(32)));
    typedef std::uint16_t halves __attribute__((vector_size(16)));
};
template <> struct Of<float> {
    static constexpr int lanes = 1;
    typedef std::int32_t ints;
    typedef std::uint32_t words;
    typedef std::uint16_t halves;
};

template <typename To, typename From> INLINE To bits_of(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof(to));
    return to;
}

template <typename To, typename From> INLINE To converted(From from) {
    if constexpr (std::is_arithmetic_v<From>)
        return To(from);
    else
        return __builtin_convertvector(from, To);
}

template <typename V> INLINE V load(const float* at) {
    V result;
    std::memcpy(&result, at, sizeof(V));
    return result;
}

template <typename V> INLINE V load(const bf16* at) {
    typename Of<V>::halves halves;
    std::memcpy(&halves, at, sizeof(halves));
#ifdef __AVX512F__
    if constexpr (Of<V>::lanes == 16)  // the compiler would take eight at a time
        return bits_of<V>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits_of<__m256i>(halves)), 16));
#endif
    return bits_of<V>(converted<typename Of<V>::words>(halves) << 16);
}

template <typename V> INLINE void store(float* at, V x) { std::memcpy(at, &x, sizeof(V)); }

// To the nearest, ties to even.
template <typename V> INLINE void store(bf16* at, V x) {
#ifdef __AVX512BF16__
    if constexpr (Of<V>::lanes == 16) {
        const __m256bh halves = _mm512_cvtneps_pbh(x);
        std::memcpy(at, &halves, sizeof(halves));
        return;
    }
#endif
    using Words = typename Of<V>::words;
    Words words = bits_of<Words>(x);
    words = (words + 0x7fff + ((words >> 16) & 1)) >> 16;
    const auto halves = converted<typename Of<V>::halves>(words);
    std::memcpy(at, &halves, sizeof(halves));
}

// The lanes in another order. GCC has __builtin_shufflevector from GCC 12 only, and clang has no __builtin_shuffle.
template <int... lane> INLINE f8x shuffled(f8x x) {
#ifdef __clang__
    return __builtin_shufflevector(x, x, lane...);
#else
    return __builtin_shuffle(x, Of<f8x>::ints{lane...});
#endif
}

INLINE float sum_of(float x) { return x; }
INLINE float sum_of(f8x x) {
    x += shuffled<4, 5, 6, 7, 0, 1, 2, 3>(x);
    x += shuffled<2, 3, 0, 1, 6, 7, 4, 5>(x);
    x += shuffled<1, 0, 3, 2, 5, 4, 7, 6>(x);
    return x[0];
}
INLINE float sum_of(f16x x) {
    f8x halves[2];
    std::memcpy(halves, &x, sizeof(x));
    return sum_of(halves[0] + halves[1]);
}

template <typename V> INLINE V larger(V a, V b) { return a > b ? a : b; }

INLINE float largest_of(f16x x) {
    f8x halves[2];
    std::memcpy(halves, &x, sizeof(x));
    f8x most = larger(halves[0], halves[1]);
    most = larger(most, shuffled<4, 5, 6, 7, 0, 1, 2, 3>(most));
    most = larger(most, shuffled<2, 3, 0, 1, 6, 7, 4, 5>(most));
    return most[0] > most[1] ? most[0] : most[1];
}

// e to the x for x <= 0, off by some 2e-7 of it; 4e-38 and less is 4e-38. As 2 to a whole number, which is
// added to the exponent, times 2 to a rest of at most 1/2, whose polynomial has the least relative error.
template <typename V> INLINE V exp_of_negative(V x) {
    using Ints = typename Of<V>::ints;
    using Words = typename Of<V>::words;
    x = larger(V{} - 86.0f, x);  // in this order what is no number stays none
    const Ints whole = converted<Ints>(x * 1.44269504f - 0.5f);  // to the nearest, as it is never positive
    const V r = x * 1.44269504f - converted<V>(whole);
    V p = r * 1.32764709e-3f + 9.67554162e-3f;
    p = p * r + 5.55071328e-2f;
    p = p * r + 2.40221197e-1f;
    p = p * r + 6.93146967e-1f;
    p = p * r + 1.00000007f;
    return bits_of<V>(bits_of<Words>(p) + (converted<Words>(whole) << 23));
}

// 2 to the x for x <= 0, in the same way, off by some 1e-4 of it: bfloat16 tells apart no more than 4e-3.
INLINE f16x rough_exp2_of_negative(f16x x) {
    x = larger(f16x{} - 124.0f, x);
    const Of<f16x>::ints whole = converted<Of<f16x>::ints>(x - 0.5f);
    const f16x r = x - converted<f16x>(whole);
    f16x p = r * 5.51713215e-2f + 2.42610543e-1f;
    p = p * r + 6.93260986e-1f;
    p = p * r + 9.99928109e-1f;
    return bits_of<f16x>(bits_of<Of<f16x>::words>(p) + (converted<Of<f16x>::words>(whole) << 23));
}

// GELU, x times the share of a normal distribution below x. The share is 1/2 + y P(y^2) / Q(y^2), y being x cut at 5:
// fitted by least squares so that it ends at 0 and 1, and off by 6e-7 at most.
template <typename V> INLINE V gelu(V x) {
    V y = x > 5.0f ? V{} + 5.0f : x;
    y = larger(y, V{} - 5.0f);
    const V t = y * y;
    V p = t * -1.77190174e-8f + 5.83186634e-6f, q = t * 1.49216517e-4f + 3.38398456e-3f;
    p = p * t + 4.38910387e-4f;
    q = q * t + 4.44887243e-2f;
    p = p * t + 6.20823634e-3f;
    q = q * t + 3.23371202e-1f;
    p = p * t + 6.25248331e-2f;
    q = q * t + 1.0f;
    p = p * t + 3.98940505e-1f;
    return x * (0.5f + y * (p / q));
}

// GELU without a division, off by 2e-4 at most, which is for bfloat16 as well.
INLINE f16x rough_gelu(f16x x) {
    f16x y = x > 4.0f ? f16x{} + 4.0f : x;
    y = larger(y, f16x{} - 4.0f);
    const f16x t = y * y;
    f16x p = t * 2.25883349e-8f - 1.58883431e-6f;
    p = p * t + 4.77640469e-5f;
    p = p * t - 8.12189249e-4f;
    p = p * t + 8.7637011e-3f;
    p = p * t - 6.45544394e-2f;
    p = p * t + 3.97870292e-1f;
    return x * (0.5f + y * p);
}

// Steps of 16 over a row, and single ones to its end.
template <typename F16, typename F1> INLINE void over(i64 width, F16 sixteen, F1 one) {
    i64 c = 0;
    for (; c + 16 <= width; c += 16) sixteen(c);
    for (; c < width; ++c) one(c);
}

}  // namespace
