// Softmaxes, of rows and over tokens.
#pragma once

#include <vector>

#include "vectors.h"

namespace {

// A row is kept in float32 as whole vectors; what 16 leaves of it, as the row's last sixteen, once more. Called with
// where a vector is kept, and where it belongs. Shorter rows are taken one by one.
template <typename F16, typename F1> INLINE void each_vector(i64 width, F16 sixteen, F1 one) {
    i64 c = 0;
    for (; c + 16 <= width; c += 16) sixteen(c, c);
    if (width < 16)
        for (; c < width; ++c) one(c);
    else if (c < width)
        sixteen(c, width - 16);
}

constexpr i64 LEFT = 16;  // more room than the row

// y = e^(y - most), and their sum.
INLINE float exponentials(float* y, float most, i64 width) {
    constexpr Of<f16x>::ints lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    f16x sums{};
    float sum = 0;
    each_vector(
        width,
        [&](i64 kept, i64 at) {
            const f16x e = exp_of_negative<f16x>(load<f16x>(y + kept) - most);
            store(y + kept, e);
            sums += lane < int(kept - at) ? f16x{} : e;
        },
        [&](i64 c) { sum += y[c] = exp_of_negative<float>(y[c] - most); });
    return sum + sum_of(sums);
}

// The largest number of a row so far.
struct Largest {
    f16x of_vectors = f16x{} - INFINITY;
    float of_single = -INFINITY;

    INLINE void see(f16x v) { of_vectors = larger(of_vectors, v); }
    INLINE void see(float v) { of_single = larger(of_single, v); }
    INLINE float found() const { return larger(of_single, largest_of(of_vectors)); }
};

// y = x + added.
template <typename T, typename Added>
INLINE void add_to_row(const T* x, float* y, i64 width, Largest& largest, Added added) {
    each_vector(
        width,
        [&](i64 kept, i64 at) {
            const f16x v = load<f16x>(x + at) + added(f16x{}, at);
            store(y + kept, v);
            largest.see(v);
        },
        [&](i64 c) { largest.see(y[c] = load<float>(x + c) + added(0.0f, c)); });
}

// Biases that are added to the logits before a softmax: nothing; rows that come again after `count`; or to a place of a grid
// what belongs to its row, and what to its column. Each says how much room a row takes.
struct Nothing {
    i64 room(i64 width) const { return width + LEFT; }
    template <typename T> INLINE float read(const T* x, float* y, i64 width, i64) const {
        Largest largest;
        add_to_row(x, y, width, largest, [](auto zero, i64) { return zero; });
        return largest.found();
    }
};
template <typename T> struct Rows {
    const T* bias;
    i64 count;
    i64 room(i64 width) const { return width + LEFT; }
    INLINE float read(const T* x, float* y, i64 width, i64 row) const {
        const T* added = bias + (row % count) * width;
        Largest largest;
        add_to_row(x, y, width, largest, [&](auto zero, i64 c) { return load<decltype(zero)>(added + c); });
        return largest.found();
    }
};
template <typename T> struct Grid {
    const T *by_row, *by_column;
    i64 columns;
    i64 room(i64 width) const { return width + LEFT + columns; }
    INLINE float read(const T* x, float* y, i64 width, i64 row) const {
        const T* of_rows = by_row + row * (width / columns);
        float* of_columns = y + width + LEFT;
        for (i64 c = 0; c < columns; ++c) of_columns[c] = load<float>(by_column + row * columns + c);
        Largest largest;
        if (columns % 16) {
            for (i64 r = 0; r < width / columns; ++r) {
                const float of_row = load<float>(of_rows + r);
                for (i64 c = r * columns, k = 0; k < columns; ++c, ++k)
                    largest.see(y[c] = load<float>(x + c) + of_row + of_columns[k]);
            }
            if (width > 16 && width % 16) std::memmove(y + width / 16 * 16, y + width - 16, sizeof(f16x));
            return largest.found();
        }
        for (i64 r = 0; r < width / columns; ++r) {
            const float of_row = load<float>(of_rows + r);
            const auto added = [&](auto zero, i64 c) { return load<decltype(zero)>(of_columns + c) + of_row; };
            add_to_row(x + r * columns, y + r * columns, columns, largest, added);
        }
        return largest.found();
    }
};

template <typename T, typename Added> void softmax(T* x, Added added, i64 rows, i64 width) {
#pragma omp parallel
    {
        std::vector<float> room(added.room(width));
        float* const y = room.data();
#pragma omp for schedule(static)
        for (i64 r = 0; r < rows; ++r) {
            T* to = x + r * width;
            const float most = added.read(to, y, width, r), inverse = 1.0f / exponentials(y, most, width);
            each_vector(
                width, [&](i64 kept, i64 at) { store<f16x>(to + at, load<f16x>(y + kept) * inverse); },
                [&](i64 c) { store<float>(to + c, y[c] * inverse); });
        }
    }
}

// Softmax over the tokens of some positions, VECTORS of V; each token's row is a step after the other's.
template <typename V, int VECTORS, typename T>
INLINE void softmax_of_strip(T* x, i64 step, const float* offset, i64 heads, V* room, i64 tokens) {
    constexpr int lanes = Of<V>::lanes;
    V most[VECTORS], sum[VECTORS];
    for (int v = 0; v < VECTORS; ++v) most[v] = V{} - INFINITY, sum[v] = V{};
    for (i64 t = 0; t < tokens; ++t)
        for (int v = 0; v < VECTORS; ++v) {
            V& y = room[t * VECTORS + v];
            y = load<V>(x + t * step + v * lanes) + offset[t * heads];
            most[v] = larger(most[v], y);
        }
    for (i64 t = 0; t < tokens; ++t)
        for (int v = 0; v < VECTORS; ++v) {
            V& y = room[t * VECTORS + v];
            y = exp_of_negative<V>(y - most[v]);
            sum[v] += y;
        }
    for (int v = 0; v < VECTORS; ++v) sum[v] = 1.0f / sum[v];
    for (i64 t = 0; t < tokens; ++t)
        for (int v = 0; v < VECTORS; ++v) store<V>(x + t * step + v * lanes, room[t * VECTORS + v] * sum[v]);
}

template <typename T>
void softmax_over_tokens(T* x, const float* offset, i64 prompts, i64 tokens, i64 heads, i64 places) {
#pragma omp parallel
    {
        std::vector<f16x> room(4 * tokens);
        float* const single = reinterpret_cast<float*>(room.data());
#pragma omp for collapse(2) schedule(static)
        for (i64 p = 0; p < prompts; ++p)
            for (i64 h = 0; h < heads; ++h) {
                T* first = x + (p * tokens * heads + h) * places;
                const float* offsets = offset + p * tokens * heads + h;
                const i64 step = heads * places;
                i64 c = 0;
                for (; c + 64 <= places; c += 64)
                    softmax_of_strip<f16x, 4>(first + c, step, offsets, heads, room.data(), tokens);
                for (; c < places; ++c)
                    softmax_of_strip<float, 1>(first + c, step, offsets, heads, single, tokens);
            }
    }
}

}  // namespace
