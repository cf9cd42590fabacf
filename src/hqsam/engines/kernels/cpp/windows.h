// Attention's heads and windows, and back.
#pragma once

#include "vectors.h"

namespace {

// Grids cut into windows, which may stick out at the bottom and right; each head of a window is rows of channels.
struct Windows {
    i64 images, height, width, window_height, window_width, heads, channels;

    i64 rows() const { return (height + window_height - 1) / window_height; }
    i64 columns() const { return (width + window_width - 1) / window_width; }
    i64 count() const { return images * rows() * columns(); }
    i64 tokens() const { return window_height * window_width; }

    // Calls with each place of a window's row: its number in the window, and in all grids, or -1 beyond its own.
    template <typename F> INLINE void each_place(i64 window, i64 row, F call) const {
        const i64 image = window / columns() / rows(), y = window / columns() % rows() * window_height + row;
        for (i64 x = window % columns() * window_width, k = 0; k < window_width; ++x, ++k)
            call(row * window_width + k, y < height && x < width ? (image * height + y) * width + x : -1);
    }
};

template <typename T> INLINE void copy(const T* from, T* to, i64 count) {
    constexpr i64 step = 32 / sizeof(T);
    i64 c = 0;
    for (; c + step <= count; c += step) std::memcpy(to + c, from + c, 32);
    for (; c < count; ++c) to[c] = from[c];
}

template <typename T>
void split_heads(const T* qkv, const T* padding, T* to, float scale, bool by_head, const Windows grid) {
    const i64 n = grid.channels, part_size = grid.count() * grid.heads * grid.tokens() * n;
    const i64 part_step = by_head ? n : grid.heads * n, head_step = by_head ? 3 * n : n;
#pragma omp parallel for collapse(2) schedule(static)
    for (i64 window = 0; window < grid.count(); ++window)
        for (i64 row = 0; row < grid.window_height; ++row)
            grid.each_place(window, row, [&](i64 token, i64 place) {
                const T* from = place < 0 ? padding : qkv + place * 3 * grid.heads * n;
                for (i64 head = 0; head < grid.heads; ++head, from += head_step) {
                    T* query = to + ((window * grid.heads + head) * grid.tokens() + token) * n;
                    over(
                        n, [&](i64 c) { store<f16x>(query + c, load<f16x>(from + c) * scale); },
                        [&](i64 c) { store<float>(query + c, load<float>(from + c) * scale); });
                    copy(from + part_step, query + part_size, n);
                    copy(from + 2 * part_step, query + 2 * part_size, n);
                }
            });
}

template <typename T> void merge_heads(const T* attended, T* to, const Windows grid) {
    const i64 n = grid.channels;
#pragma omp parallel for collapse(2) schedule(static)
    for (i64 window = 0; window < grid.count(); ++window)
        for (i64 row = 0; row < grid.window_height; ++row)
            for (i64 head = 0; head < grid.heads; ++head) {
                const T* rows = attended + (window * grid.heads + head) * grid.tokens() * n;
                grid.each_place(window, row, [&](i64 token, i64 place) {
                    if (place >= 0) copy(rows + token * n, to + (place * grid.heads + head) * n, n);
                });
            }
}

}  // namespace
