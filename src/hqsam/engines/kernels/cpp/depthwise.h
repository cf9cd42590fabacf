// Depthwise convolutions of images with channels last, and their gradients: each channel has a filter of its own.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "vectors.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace {

// The geometry of a depthwise convolution. With `dilation` 2 the input lies on every second row and column of a grid
// of zeros, as the gradient of a convolution with stride 2 does.
struct Depthwise {
    i64 images, height, width, channels, rows, columns, stride, top, left, dilation;
};

// The ends of an activation: 0 and 6 for ReLU6, nothing else.
struct Range {
    float least, most;

    explicit Range(bool relu6)
        : least(relu6 ? 0.0f : -std::numeric_limits<float>::infinity()),
          most(relu6 ? 6.0f : std::numeric_limits<float>::infinity()) {}

    INLINE f16x apply(f16x x) const {
        x = x > least ? x : f16x{} + least;
        return x < most ? x : f16x{} + most;
    }
    // The gradient where the activation passes it on, 0 elsewhere.
    INLINE f16x gate(f16x gradient, f16x x) const { return (x > least) & (x < most) ? gradient : f16x{}; }
};

// Output rows that one thread makes after each other, as most of what they read is the same.
constexpr i64 ROWS = 16;

// 16 channels of the input rows below one output row, as float32 with zeros around. Rows outside are left out, and rows
// that the output row before had, too, are still there.
template <int K> struct Patch {
    std::vector<float> memory;
    i64 width;
    const float* row[K];
    i64 held[K];

    explicit Patch(const Depthwise& at) : memory(K * ((at.columns + 4) * at.stride + K) * 16), width(memory.size() / K) {}

    INLINE void clear() {
        for (int k = 0; k < K; ++k) held[k] = -1;
    }

    template <typename T> INLINE void read(const T* image, const Depthwise& at, i64 to_row, const Range& range) {
        for (int k = 0; k < K; ++k) {
            const i64 y = to_row * at.stride + k - at.top;
            row[k] = nullptr;
            if (y < 0 || y % at.dilation || y / at.dilation >= at.height) continue;
            float* to = memory.data() + y % K * width;
            row[k] = to;
            if (held[y % K] == y) continue;
            held[y % K] = y;
            const T* from = image + y / at.dilation * at.width * at.channels;
            const i64 columns = width / 16;
            if (at.dilation > 1) std::memset(to, 0, width * sizeof(float));
            for (i64 x = 0; x < at.left; ++x) store<f16x>(to + x * 16, f16x{});
            i64 end = at.left;
            for (i64 x = 0; x < at.width && at.left + x * at.dilation < columns; ++x) {
                store<f16x>(to + (at.left + x * at.dilation) * 16, range.apply(load<f16x>(from + x * at.channels)));
                end = at.left + x * at.dilation + 1;
            }
            for (i64 x = end; x < columns; ++x) store<f16x>(to + x * 16, f16x{});
        }
    }
};

// `filters` are [K x K][channels]. With `gate`, the result is a gradient, of an input that an activation was applied to.
template <int K, typename T>
void depthwise(
    const T* x, T* to, const float* filters, const float* bias, const T* gate, const Depthwise& at, Range before,
    Range after) {
    constexpr int BLOCK = 4;
#pragma omp parallel
    {
        Patch<K> patch(at);
#pragma omp for collapse(3) schedule(static)
        for (i64 image = 0; image < at.images; ++image)
            for (i64 block = 0; block < at.rows; block += ROWS)
                for (i64 c = 0; c < at.channels; c += 16) {
                    patch.clear();
                    for (i64 row = block; row < std::min(block + ROWS, at.rows); ++row) {
                    patch.read(x + image * at.height * at.width * at.channels + c, at, row, before);
                    const i64 first = ((image * at.rows + row) * at.columns) * at.channels + c;
                    const f16x start = bias ? load<f16x>(bias + c) : f16x{};
                    for (i64 column = 0; column < at.columns; column += BLOCK) {
                        f16x sums[BLOCK] = {start, start, start, start};
                        for (int ky = 0; ky < K; ++ky) {
                            if (!patch.row[ky]) continue;
                            const float* from = patch.row[ky] + column * at.stride * 16;
                            for (int kx = 0; kx < K; ++kx) {
                                const f16x tap = load<f16x>(filters + (ky * K + kx) * at.channels + c);
                                for (int b = 0; b < BLOCK; ++b)
                                    sums[b] += tap * load<f16x>(from + (b * at.stride + kx) * 16);
                            }
                        }
                        for (int b = 0; b < BLOCK && column + b < at.columns; ++b) {
                            const i64 place = first + (column + b) * at.channels;
                            store<f16x>(to + place, gate ? after.gate(sums[b], load<f16x>(gate + place)) : after.apply(sums[b]));
                        }
                    }
                    }
                }
    }
}

// The gradients of filters and bias; `gradient` is that of the output after its activation, and `passed`, which may be
// the same memory, becomes that before it. `sums` has room for [threads][K x K + 1][channels], the last of them the bias.
template <int K, typename T>
void depthwise_filter_gradient(
    const T* x, const T* y, const T* gradient, T* passed, float* sums, i64 threads, const Depthwise& at, Range before,
    Range after) {
    std::memset(sums, 0, threads * (K * K + 1) * at.channels * sizeof(float));
#pragma omp parallel num_threads(threads)
    {
        Patch<K> patch(at);
        std::vector<float> row_of_gradient(at.columns * 16);
#ifdef _OPENMP
        float* own = sums + omp_get_thread_num() * (K * K + 1) * at.channels;
#else
        float* own = sums;
#endif
#pragma omp for collapse(3) schedule(static)
        for (i64 image = 0; image < at.images; ++image)
            for (i64 block = 0; block < at.rows; block += ROWS)
                for (i64 c = 0; c < at.channels; c += 16) {
                    patch.clear();
                    for (i64 row = block; row < std::min(block + ROWS, at.rows); ++row) {
                    patch.read(x + image * at.height * at.width * at.channels + c, at, row, before);
                    const i64 first = ((image * at.rows + row) * at.columns) * at.channels + c;
                    f16x total = load<f16x>(own + K * K * at.channels + c);
                    for (i64 column = 0; column < at.columns; ++column) {
                        const i64 place = first + column * at.channels;
                        const f16x g = after.gate(load<f16x>(gradient + place), load<f16x>(y + place));
                        store<f16x>(passed + place, g);
                        store<f16x>(row_of_gradient.data() + column * 16, g);
                        total += g;
                    }
                    store<f16x>(own + K * K * at.channels + c, total);
                    for (int ky = 0; ky < K; ++ky) {
                        if (!patch.row[ky]) continue;
                        f16x taps[2][K] = {};
                        i64 column = 0;
                        for (; column + 2 <= at.columns; column += 2)
                            for (int b = 0; b < 2; ++b) {
                                const f16x g = load<f16x>(row_of_gradient.data() + (column + b) * 16);
                                const float* from = patch.row[ky] + (column + b) * at.stride * 16;
                                for (int kx = 0; kx < K; ++kx) taps[b][kx] += g * load<f16x>(from + kx * 16);
                            }
                        for (; column < at.columns; ++column) {
                            const f16x g = load<f16x>(row_of_gradient.data() + column * 16);
                            const float* from = patch.row[ky] + column * at.stride * 16;
                            for (int kx = 0; kx < K; ++kx) taps[0][kx] += g * load<f16x>(from + kx * 16);
                        }
                        for (int kx = 0; kx < K; ++kx) {
                            float* sum = own + (ky * K + kx) * at.channels + c;
                            store<f16x>(sum, load<f16x>(sum) + taps[0][kx] + taps[1][kx]);
                        }
                    }
                    }
                }
    }
}

}  // namespace
