// Images normalised and padded for the encoder.
#pragma once

#include "vectors.h"

namespace {

// An image of bytes to normalised numbers, with zeros below and to the right.
template <typename T>
void normalise_and_pad(
    T* to, const std::uint8_t* image, const float* mean, const float* deviation, i64 height, i64 width,
    i64 whole_height, i64 whole_width) {
    constexpr int PERIOD = 48;  // the channels take turns, three in a pixel and sixteen in a vector
    float means[PERIOD], deviations[PERIOD];
    for (int i = 0; i < PERIOD; ++i) means[i] = mean[i % 3], deviations[i] = deviation[i % 3];
#pragma omp parallel for schedule(static)
    for (i64 y = 0; y < whole_height; ++y) {
        T* row = to + y * whole_width * 3;
        const std::uint8_t* from = image + y * width * 3;
        const i64 filled = y < height ? width * 3 : 0;
        i64 c = 0;
        for (; c + PERIOD <= filled; c += PERIOD)
            for (int k = 0; k < PERIOD; k += 16) {
                u16x bytes;
                std::memcpy(&bytes, from + c + k, 16);
                store<f16x>(row + c + k, (converted<f16x>(bytes) - load<f16x>(means + k)) / load<f16x>(deviations + k));
            }
        for (; c < filled; ++c) store<float>(row + c, (float(from[c]) - means[c % 3]) / deviations[c % 3]);
        std::memset(static_cast<void*>(row + filled), 0, (whole_width * 3 - filled) * sizeof(T));
    }
}

}  // namespace
