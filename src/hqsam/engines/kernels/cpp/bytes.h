// Rows as bytes, for products of bytes, and what these are worth.
#pragma once

#include "vectors.h"

namespace {

template <typename T> void quantise(const T* x, std::uint8_t* to, float* steps, i64 rows, i64 channels) {
#pragma omp parallel for schedule(static)
    for (i64 r = 0; r < rows; ++r) {
        const T* from = x + r * channels;
        std::uint8_t* bytes = to + r * channels;
        f16x mosts{};
        float most = 127e-30f;
        over(
            channels,
            [&](i64 c) {
                const f16x v = load<f16x>(from + c);
                mosts = larger(larger(v, -v), mosts);
            },
            [&](i64 c) { most = larger(most, std::fabs(load<float>(from + c))); });
        most = larger(most, largest_of(mosts));
        steps[r] = most / 127;
        // Rounded by adding: what is converted is positive, and cut.
        const float inverse = 127 / most;
        over(
            channels,
            [&](i64 c) {
                const auto whole = converted<Of<f16x>::ints>(load<f16x>(from + c) * inverse + 128.5f);
                const u16x narrow = converted<u16x>(whole);
                std::memcpy(bytes + c, &narrow, sizeof(narrow));
            },
            [&](i64 c) { bytes[c] = std::uint8_t(load<float>(from + c) * inverse + 128.5f); });
    }
}

template <bool GELU, typename T> void dequantise(T* x, const float* steps, const float* bias, i64 rows, i64 channels) {
#pragma omp parallel for schedule(static)
    for (i64 r = 0; r < rows; ++r) {
        T* at = x + r * channels;
        const auto scaled = [&](auto value, i64 c) {
            using V = decltype(value);
            const V result = value * steps[r] + load<V>(bias + c);
            store<V>(at + c, GELU ? gelu(result) : result);
        };
        over(
            channels, [&](i64 c) { scaled(load<f16x>(at + c), c); }, [&](i64 c) { scaled(load<float>(at + c), c); });
    }
}

}  // namespace
