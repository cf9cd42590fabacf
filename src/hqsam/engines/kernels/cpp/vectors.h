// Vectors of the compiler's own, so that nothing is written for one processor: 16 lanes become one instruction where
// there is AVX-512, and several elsewhere. (One conversion has a name of its own.)
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __AVX512BF16__
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

INLINE float sum_of(float x) { return x; }
INLINE float sum_of(f8x x) {
    x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3);
    x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5);
    x += __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
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
    most = larger(most, __builtin_shufflevector(most, most, 4, 5, 6, 7, 0, 1, 2, 3));
    most = larger(most, __builtin_shufflevector(most, most, 2, 3, 0, 1, 6, 7, 4, 5));
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

// Steps of 16 over a row, and single ones to its end.
template <typename F16, typename F1> INLINE void over(i64 width, F16 sixteen, F1 one) {
    i64 c = 0;
    for (; c + 16 <= width; c += 16) sixteen(c);
    for (; c < width; ++c) one(c);
}

}  // namespace
