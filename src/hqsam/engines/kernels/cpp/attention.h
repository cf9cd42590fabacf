// All of attention in windows, from the projection to what is attended: a few queries at a time, whose logits stay in
// the processor's nearest cache.
#pragma once

#include <algorithm>
#include <vector>

#include "products.h"
#include "tiles.h"
#include "windows.h"

namespace {

struct NoTiles {};

// One head's attention within one window, in tiles or by vectors.
template <typename T, bool TILED> class HeadInWindow {
    using F = Factor<T>;
    using Lane = typename F::Lane;
    using Sums = ::Sums<T, 8, 2>;
    static constexpr i64 QUERIES = TILED ? 32 : 8, KEYS = 32, CHANNELS = 32;  // at a time

public:
    // The room for one window after the other.
    explicit HeadInWindow(const Windows& grid)
        : grid(grid), channels(grid.channels), keys((grid.tokens() + KEYS - 1) / KEYS * KEYS),
          distances(grid.window_height * (2 * grid.window_width - 1)), key_lanes(channels / F::depth * keys),
          value_lanes(keys / F::depth * channels), query_lanes(QUERIES * channels / F::depth),
          weights(QUERIES * keys / F::depth), logits(QUERIES * keys), attended(QUERIES * CHANNELS) {}

    // `biases` are rows apart x `reach` columns apart, or nothing.
    void begin(i64 window, const T* qkv, const T* padding, i64 step, i64 part_step, const T* biases, i64 reach) {
        from = qkv, place_step = step;
        const T *key_of_padding = padding + part_step, *value_of_padding = padding + 2 * part_step;
        places.clear();
        for (i64 row = 0; row < grid.window_height; ++row)
            grid.each_place(window, row, [&](i64 token, i64 place) {
                if (place >= 0) places.push_back({place, row, token - row * grid.window_width});
                put_key(token, place < 0 ? key_of_padding : qkv + place * step + part_step);
                put_value(token, place < 0 ? value_of_padding : qkv + place * step + 2 * part_step);
            });
        if (biases) mirror(biases, reach);
        biased = biases != nullptr;
    }

    i64 queries() const { return i64(places.size()); }

    // The queries from `first` to `last`; `to` has `to_step` numbers for a place.
    void attend(i64 first, i64 last, T* to, i64 to_step) {
        for (i64 q = first; q < last; q += QUERIES) {
            const i64 count = std::min(QUERIES, last - q);
            for (i64 k = 0; k < count; ++k) begin_query(k, places[q + k]);
            multiply_keys();
            float inverse[QUERIES];
            for (i64 k = 0; k < count; ++k) inverse[k] = 1.0f / weigh(k);
            for (i64 c = 0; c < channels; c += CHANNELS) {
                const auto put = [&](i64 k, i64 half, f16x sum) {
                    store<f16x>(to + places[q + k].at * to_step + c + 16 * half, sum * inverse[k]);
                };
                if constexpr (TILED) {
                    weigh_values_in_tiles(c);
                    for (i64 k = 0; k < count; ++k)
                        for (i64 half = 0; half < 2; ++half)
                            put(k, half, load<f16x>(&attended[k * CHANNELS + 16 * half]));
                } else {
                    const Sums sums = values_weighed(c);
                    for (i64 k = 0; k < count; ++k)
                        for (i64 half = 0; half < 2; ++half) put(k, half, sums.of[k][half]);
                }
            }
        }
    }

private:
    struct Place {
        i64 at, row, column;
    };

    const Windows grid;
    const i64 channels, keys;
    const T* from = nullptr;
    i64 place_step = 0;
    bool biased = false;
    std::vector<Place> places;
    std::vector<float> distances;  // rows apart x columns apart, from far left to far right
    std::vector<Lane> key_lanes, value_lanes, query_lanes, weights;
    std::vector<float> logits, attended;

    float scale() const { return 1.0f / std::sqrt(float(channels)); }

    void put_key(i64 token, const T* key) {
        F::put_along(&key_lanes[token], keys, key, channels);
    }
    void put_value(i64 token, const T* value) {
        F::put_across(&value_lanes[token / F::depth * channels], token, value, channels);
    }

    // Biases come before logits are scaled, so they are made larger by as much.
    void mirror(const T* biases, i64 reach) {
        const i64 width = grid.window_width;
        for (i64 row = 0; row < grid.window_height; ++row)
            for (i64 apart = 1 - width; apart < width; ++apart)
                distances[row * (2 * width - 1) + width - 1 + apart] =
                    load<float>(biases + row * reach + std::abs(apart)) / scale();
    }

    void begin_query(i64 k, const Place& place) {
        F::put_along(&query_lanes[k * channels / F::depth], 1, from + place.at * place_step, channels);
        float* row = &logits[k * keys];
        const i64 width = grid.window_width, tokens = grid.tokens();
        std::fill(row + (biased ? tokens : 0), row + tokens, 0.0f);
        std::fill(row + tokens, row + keys, -INFINITY);
        if (!biased) return;
        for (i64 y = 0; y < grid.window_height; ++y) {
            const float* apart = &distances[std::abs(y - place.row) * (2 * width - 1) + width - 1 - place.column];
            copy(apart, row + y * width, width);
        }
    }

    // logits += queries x keys
    INLINE void multiply_keys() {
#ifdef HAS_TILES
        if constexpr (TILED) {
            for (i64 key = 0; key < keys; key += KEYS)
                multiply_tiles<true>(
                    {&logits[key], 4 * keys}, {query_lanes.data(), 2 * channels}, {&key_lanes[key], 4 * keys},
                    channels / 32);
            return;
        }
#endif
        const i64 depth = channels / F::depth, step = keys;
        const Lane *ones = query_lanes.data(), *many = key_lanes.data();
        float* row = logits.data();
        for (i64 key = 0; key < step; key += KEYS, row += KEYS, many += KEYS) {
            Sums sums;
            for (i64 k = 0; k < QUERIES; ++k)
                for (i64 half = 0; half < 2; ++half) sums.of[k][half] = load<f16x>(row + k * step + 16 * half);
            for (i64 d = 0; d < depth; ++d) sums.add_products(ones + d, depth, many + d * step);
            for (i64 k = 0; k < QUERIES; ++k)
                for (i64 half = 0; half < 2; ++half) store<f16x>(row + k * step + 16 * half, sums.of[k][half]);
        }
    }

    // Exponentials of a query's logits, not yet divided by their sum, which is returned.
    float weigh(i64 k) {
        const float* row = &logits[k * keys];
        Lane* lanes = &weights[k * keys / F::depth];
        f16x most = load<f16x>(row), sums{};
        for (i64 key = 16; key < keys; key += 16) most = larger(most, load<f16x>(row + key));
        const float highest = largest_of(most), factor = scale();
        for (i64 key = 0; key < keys; key += 16) {
            const f16x weight = F::exp_of_negative(load<f16x>(row + key) - highest, factor);
            F::put_sixteen(lanes, key, weight);
            sums += weight;
        }
        return sum_of(sums);
    }

    void weigh_values_in_tiles(i64 c) {
#ifdef HAS_TILES
        multiply_tiles<false>(
            {attended.data(), 4 * CHANNELS}, {weights.data(), 2 * keys}, {&value_lanes[c], 4 * channels}, keys / 32);
#endif
    }

    // weights x values, of CHANNELS channels from `c` on
    INLINE Sums values_weighed(i64 c) const {
        const i64 depth = keys / F::depth, step = channels;
        const Lane *ones = weights.data(), *many = value_lanes.data() + c;
        Sums sums = {};
        for (i64 d = 0; d < depth; ++d) sums.add_products(ones + d, depth, many + d * step);
        return sums;
    }
};

template <bool TILED, typename T>
void attend_in_windows(
    const T* qkv, const T* padding, const T* biases, i64 bias_rows, i64 reach, T* to, bool by_head, const Windows grid) {
    const i64 n = grid.channels, work = grid.count() * grid.heads;
    const i64 part_step = by_head ? n : grid.heads * n, head_step = by_head ? 3 * n : n;
    const i64 parts = std::max<i64>(1, 2 * threads() / work);  // of the queries, where windows and heads are few
#pragma omp parallel
    {
#ifdef HAS_TILES
        [[maybe_unused]] const std::conditional_t<TILED, Tiles, NoTiles> tiles;
#endif
        HeadInWindow<T, TILED> head_in_window(grid);
#pragma omp for collapse(3) schedule(static)
        for (i64 window = 0; window < grid.count(); ++window)
            for (i64 head = 0; head < grid.heads; ++head)
                for (i64 part = 0; part < parts; ++part) {
                    const T* of_head = biases ? biases + head * bias_rows * reach : nullptr;
                    const T* outside = padding ? padding + head * head_step : nullptr;
                    head_in_window.begin(
                        window, qkv + head * head_step, outside, 3 * grid.heads * n, part_step, of_head, reach);
                    const i64 queries = head_in_window.queries();
                    head_in_window.attend(
                        queries * part / parts, queries * (part + 1) / parts, to + head * n, grid.heads * n);
                }
    }
}

template <typename T>
void relative_bias_attention(
    const T* qkv, const T* padding, const T* biases, i64 bias_rows, i64 reach, T* to, bool by_head, bool tiled,
    const Windows& grid) {
#ifdef HAS_TILES
    if constexpr (std::is_same_v<T, bf16>)
        if (tiled) return attend_in_windows<true>(qkv, padding, biases, bias_rows, reach, to, by_head, grid);
#endif
    attend_in_windows<false>(qkv, padding, biases, bias_rows, reach, to, by_head, grid);
}

}  // namespace
