// An inverted bottleneck (MobileNetV2) in one go: of what lies between its convolutions, which is the widest there is,
// only a few rows exist at a time, in the processor's cache.
#pragma once

#include <algorithm>
#include <vector>

#include "products.h"

namespace {

// Weights with the norms folded in: [inner][channel], [3 x 3][inner], [channel][inner]; biases are float32.
template <typename T> struct BottleneckWeights {
    const T *widen, *narrow;
    const float *mix, *widen_bias, *mix_bias, *narrow_bias;
    i64 channels, inner;
};

// Rows of numbers times a matrix, PIXELS rows at a time.
template <typename T> class Product {
    using F = Factor<T>;
    using Lane = typename F::Lane;

public:
    static constexpr i64 PIXELS = 8;

    Product(const T* weights, i64 before, i64 after)
        : before(before), after(after), matrix(before / F::depth * after), rows(PIXELS * before / F::depth) {
        for (i64 n = 0; n < after; ++n) F::put_along(&matrix[n], after, weights + n * before, before);
    }

    // Calls with each row, channel, and the sums of sixteen channels from there on.
    template <typename Call> INLINE void each(const T* from, i64 count, const float* bias, Call call) {
        for (i64 p = 0; p < count; ++p) F::put_along(&rows[p * before / F::depth], 1, from + p * before, before);
        i64 n = 0;
        if (after % 48 == 0)
            for (; n < after; n += 48) columns<3>(n, count, bias, call);
        for (; n + 32 <= after; n += 32) columns<2>(n, count, bias, call);
        for (; n < after; n += 16) columns<1>(n, count, bias, call);
    }

private:
    const i64 before, after;
    std::vector<Lane> matrix, rows;

    template <int VECTORS, typename Call> INLINE void columns(i64 n, i64 count, const float* bias, Call call) {
        const i64 depth = before / F::depth;
        const Lane *ones = rows.data(), *many = matrix.data() + n;
        Sums<T, PIXELS, VECTORS> sums;
        for (i64 p = 0; p < PIXELS; ++p)
            for (i64 v = 0; v < VECTORS; ++v) sums.of[p][v] = load<f16x>(bias + n + 16 * v);
        for (i64 d = 0; d < depth; ++d) sums.add_products(ones + d, depth, many + d * after);
        for (i64 p = 0; p < count; ++p)
            for (i64 v = 0; v < VECTORS; ++v) call(p, n + 16 * v, sums.of[p][v]);
    }
};

// A band of rows of an image.
template <typename T> class Bottleneck {
    using F = Factor<T>;
    static constexpr i64 PIXELS = Product<T>::PIXELS;

public:
    Bottleneck(const BottleneckWeights<T>& weights, i64 height, i64 width)
        : weights(weights), height(height), width(width), row_size((width + 2) * weights.inner), wide(3 * row_size),
          mixed(width * weights.inner), widen(weights.widen, weights.channels, weights.inner),
          narrow(weights.narrow, weights.inner, weights.channels) {}

    void rows(const T* x, T* to, i64 first, i64 last) {
        const i64 row = width * weights.channels;
        widen_row(x, first - 1);
        widen_row(x, first);
        for (i64 y = first; y < last; ++y) {
            widen_row(x, y + 1);
            mix_row(y);
            narrow_row(x + y * row, to + y * row);
        }
    }

private:
    const BottleneckWeights<T> weights;
    const i64 height, width, row_size;
    std::vector<T> wide, mixed;  // three rows with a zero at either end; and one
    Product<T> widen, narrow;

    T* wide_row(i64 y) { return &wide[(y + 3) % 3 * row_size]; }

    void widen_row(const T* x, i64 y) {
        T* row = wide_row(y);
        if (y < 0 || y >= height) {
            std::memset(static_cast<void*>(row), 0, row_size * sizeof(T));
            return;
        }
        for (i64 column = 0; column < width; column += PIXELS) {
            const i64 count = std::min(PIXELS, width - column);
            T* to = row + (column + 1) * weights.inner;
            widen.each(
                x + (y * width + column) * weights.channels, count, weights.widen_bias,
                [&](i64 p, i64 n, f16x sum) { store<f16x>(to + p * weights.inner + n, F::gelu(sum)); });
        }
    }

    void mix_row(i64 y) {
        const i64 inner = weights.inner;
        const T* rows[3] = {wide_row(y - 1), wide_row(y), wide_row(y + 1)};
        for (i64 column = 0; column < width; ++column)
            for (i64 n = 0; n < inner; n += 16) {
                f16x sum = load<f16x>(weights.mix_bias + n);
                for (i64 tap = 0; tap < 9; ++tap)
                    sum += load<f16x>(rows[tap / 3] + (column + tap % 3) * inner + n) *
                           load<f16x>(weights.mix + tap * inner + n);
                store<f16x>(&mixed[column * inner + n], F::gelu(sum));
            }
    }

    void narrow_row(const T* x, T* to) {
        for (i64 column = 0; column < width; column += PIXELS) {
            const i64 count = std::min(PIXELS, width - column);
            narrow.each(&mixed[column * weights.inner], count, weights.narrow_bias, [&](i64 p, i64 n, f16x sum) {
                const i64 at = (column + p) * weights.channels + n;
                store<f16x>(to + at, F::gelu(sum + load<f16x>(x + at)));
            });
        }
    }
};

// A band for each thread: the rows above and below it are widened twice.
template <typename T>
void bottleneck(const T* x, T* to, const BottleneckWeights<T> weights, i64 images, i64 height, i64 width) {
    const i64 bands = std::min(height, (threads() + images - 1) / images), size = height * width * weights.channels;
#pragma omp parallel
    {
        Bottleneck<T> of_rows(weights, height, width);
#pragma omp for collapse(2) schedule(static)
        for (i64 image = 0; image < images; ++image)
            for (i64 band = 0; band < bands; ++band)
                of_rows.rows(
                    x + image * size, to + image * size, height * band / bands, height * (band + 1) / bands);
    }
}

}  // namespace
