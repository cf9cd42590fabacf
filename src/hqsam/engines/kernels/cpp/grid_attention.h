// Attention over a grid with a bias for a key's row and one for its column, in tiles: 32 queries with some rows of
// keys at a time, so that logits stay in the processor's nearer caches, however many there are.
#pragma once

#include <algorithm>
#include <vector>

#include "tiles.h"

#ifdef HAS_TILES

namespace {

struct GridOfKeys {
    i64 heads, height, width, channels;

    i64 tokens() const { return height * width; }
};

// What one head attends with. In memory of its own each row of the grid is filled up to whole vectors, and rows come in
// pairs; what is added is never seen, as its bias is less than anything.
class HeadOnGrid {
    using F = Factor<bf16>;
    using Pair = F::Lane;
    static constexpr i64 QUERIES = 32, KEYS = 32, CHANNELS = 32;  // of a product
    static constexpr i64 LOGITS = 512;                            // of a query at a time, about
    static constexpr i64 LINE = 32;  // left between rows, which would else meet in few places of the nearest cache

public:
    explicit HeadOnGrid(const GridOfKeys& grid)
        : grid(grid), columns(up(grid.width, 16)), rows(up(grid.height, 2)), channels(up(grid.channels, CHANNELS)),
          rows_at_a_time(std::min(rows, std::max<i64>(2, LOGITS / columns / 2 * 2))), block(rows_at_a_time * columns + LINE),
          keys(rows * columns * channels / 2), values(rows * columns * channels / 2), queries(QUERIES * channels / 2),
          weights(QUERIES * block / 2), logits(QUERIES * block), attended(QUERIES * channels), of_row(QUERIES * rows),
          of_column(QUERIES * columns), shifted(columns) {}

    void begin(const bf16* key, const bf16* value) {
        for (i64 y = 0; y < grid.height; ++y)
            for (i64 x = 0; x < grid.width; ++x, key += grid.channels, value += grid.channels) {
                const i64 k = y * columns + x;
                F::put_along(&keys[k / KEYS * (KEYS * channels / 2) + k % KEYS], KEYS, key, grid.channels);
                F::put_across(&values[k / 2 * channels], k, value, grid.channels);
            }
    }

    // Up to 32 queries, and their biases.
    void attend(const bf16* query, const bf16* by_row, const bf16* by_column, i64 count, bf16* to) {
        begin_queries(query, by_row, by_column, count);
        for (i64 row = 0; row < rows; row += rows_at_a_time) {
            const i64 here = std::min(rows_at_a_time, rows - row);
            multiply_keys(row * columns, here * columns);
            for (i64 q = 0; q < count; ++q) weigh(q, row, here);
            add_values(row * columns, here * columns);
        }
        for (i64 q = 0; q < count; ++q)
            for (i64 c = 0; c < grid.channels; c += 16)
                store<f16x>(to + q * grid.channels + c, load<f16x>(&attended[q * channels + c]) / sums[q]);
    }

private:
    const GridOfKeys grid;
    const i64 columns, rows, channels, rows_at_a_time, block;
    std::vector<Pair> keys, values, queries, weights;
    std::vector<float> logits, attended, of_row, of_column, shifted;
    float most[QUERIES], sums[QUERIES];

    static constexpr float LOG2_E = 1.44269504f;

    static i64 up(i64 count, i64 step) { return (count + step - 1) / step * step; }

    void begin_queries(const bf16* query, const bf16* by_row, const bf16* by_column, i64 count) {
        std::fill(attended.begin(), attended.end(), 0.0f);
        std::fill(most, most + QUERIES, -INFINITY);
        std::fill(sums, sums + QUERIES, 0.0f);
        for (i64 q = 0; q < count; ++q) {
            F::put_along(&queries[q * channels / 2], 1, query + q * grid.channels, grid.channels);
            put_bias(&of_row[q * rows], rows, by_row + q * grid.height, grid.height);
            put_bias(&of_column[q * columns], columns, by_column + q * grid.width, grid.width);
        }
    }

    static void put_bias(float* to, i64 room, const bf16* bias, i64 count) {
        for (i64 c = 0; c < count; ++c) to[c] = load<float>(bias + c);
        std::fill(to + count, to + room, -INFINITY);
    }

    void multiply_keys(i64 first, i64 count) {
        for (i64 key = 0; key < count; key += KEYS)
            multiply_tiles<false>(
                {&logits[key], 4 * block}, {queries.data(), 2 * channels},
                {&keys[(first + key) * channels / 2], 4 * KEYS}, channels / 32);
    }

    // The block's logits of a query become weights: exponentials, as if its largest logit so far were 0.
    void weigh(i64 q, i64 first_row, i64 count) {
        const float *row = &logits[q * block], *bias = &of_row[q * rows + first_row], *along = &of_column[q * columns];
        f16x mosts = f16x{} - INFINITY;
        for (i64 c = 0; c < columns; c += 16) {
            f16x found = f16x{} - INFINITY;
            for (i64 r = 0; r < count; ++r) found = larger(load<f16x>(row + r * columns + c) + bias[r], found);
            mosts = larger(found + load<f16x>(along + c), mosts);
        }
        rescale(q, largest_of(mosts));
        for (i64 c = 0; c < columns; c += 16)
            store<f16x>(&shifted[c], (load<f16x>(along + c) - most[q]) * LOG2_E);
        Pair* to = &weights[q * block / 2];
        f16x added{};
        for (i64 r = 0; r < count; ++r)
            for (i64 c = 0; c < columns; c += 16) {
                const f16x logit = load<f16x>(row + r * columns + c);
                const f16x weight = rough_exp2_of_negative(logit * LOG2_E + (load<f16x>(&shifted[c]) + bias[r] * LOG2_E));
                F::put_sixteen(to, r * columns + c, weight);
                added += weight;
            }
        sums[q] += sum_of(added);
    }

    void rescale(i64 q, float found) {
        if (found <= most[q]) return;
        const float factor = std::exp2((most[q] - found) * LOG2_E);
        most[q] = found;
        sums[q] *= factor;
        for (i64 c = 0; c < channels; c += 16) {
            float* at = &attended[q * channels + c];
            store<f16x>(at, load<f16x>(at) * factor);
        }
    }

    void add_values(i64 first, i64 count) {
        for (i64 c = 0; c < channels; c += CHANNELS)
            multiply_tiles<true>(
                {&attended[c], 4 * channels}, {weights.data(), 2 * block}, {&values[first / 2 * channels + c], 4 * channels},
                count / 32);
    }
};

void attend_on_grid(
    const bf16* query, const bf16* key, const bf16* value, const bf16* by_row, const bf16* by_column, bf16* to,
    const GridOfKeys grid) {
    constexpr i64 at_once = 32;
    const i64 tokens = grid.tokens(), groups = (tokens + at_once - 1) / at_once;
    const i64 parts = std::min(groups, std::max<i64>(1, 2 * threads() / grid.heads));  // where heads are few
#pragma omp parallel
    {
        const Tiles tiles;
        HeadOnGrid head_on_grid(grid);
#pragma omp for collapse(2) schedule(static)
        for (i64 head = 0; head < grid.heads; ++head)
            for (i64 part = 0; part < parts; ++part) {
                head_on_grid.begin(key + head * tokens * grid.channels, value + head * tokens * grid.channels);
                for (i64 group = groups * part / parts; group < groups * (part + 1) / parts; ++group) {
                    const i64 first = group * at_once, at = head * tokens + first;
                    head_on_grid.attend(
                        query + at * grid.channels, by_row + at * grid.height, by_column + at * grid.width,
                        std::min(at_once, tokens - first), to + at * grid.channels);
                }
            }
    }
}

}  // namespace

#endif
