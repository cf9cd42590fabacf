// Rows of channels: norms, GELU, products.
#pragma once

#include <vector>

#include "vectors.h"

namespace {

// A LayerNorm's numbers.
struct Norm {
    const float *weight, *bias;
    float eps;
};

constexpr int MOST_CHANNELS = 1024;

// A row of channels as vectors, their number known to the compiler or not.
template <typename V, int Channels> struct Row {
    static constexpr int lanes = Of<V>::lanes;
    V at[(Channels ? Channels : MOST_CHANNELS) / lanes];
    const int count;

    INLINE explicit Row(int channels) : count((Channels ? Channels : channels) / lanes) {}

    template <typename T> INLINE void read(const T* from) {
        for (int i = 0; i < vectors(); ++i) at[i] = load<V>(from + i * lanes);
    }
    template <typename T> INLINE void add(const T* from) {
        for (int i = 0; i < vectors(); ++i) at[i] += load<V>(from + i * lanes);
    }
    template <typename T> INLINE void write(T* to) const {
        for (int i = 0; i < vectors(); ++i) store<V>(to + i * lanes, at[i]);
    }
    INLINE void normalise(const Norm& norm) {
        V sum{}, squares{};
        for (int i = 0; i < vectors(); ++i) sum += at[i];
        const float channels = float(vectors() * lanes), mean = sum_of(sum) / channels;
        for (int i = 0; i < vectors(); ++i) {
            at[i] -= mean;
            squares += at[i] * at[i];
        }
        const float inverse = 1.0f / std::sqrt(sum_of(squares) / channels + norm.eps);
        for (int i = 0; i < vectors(); ++i)
            at[i] = at[i] * inverse * load<V>(norm.weight + i * lanes) + load<V>(norm.bias + i * lanes);
    }
    INLINE void activate() {
        for (int i = 0; i < vectors(); ++i) at[i] = gelu(at[i]);
    }
    INLINE float dot(const float* other) const {
        V sum{};
        for (int i = 0; i < vectors(); ++i) sum += at[i] * load<V>(other + i * lanes);
        return sum_of(sum);
    }

private:
    INLINE int vectors() const { return Channels ? Channels / lanes : count; }
};

// A norm is a long chain of sums that wait for each other; four at a time wait together.
constexpr int AT_ONCE = 4;

// The largest number of lanes that divides the channels.
template <int Channels>
using Vector = std::conditional_t<
    Channels && Channels % 16 == 0, f16x, std::conditional_t<Channels && Channels % 8 == 0, f8x, float>>;

template <typename T, int Channels> struct ByChannel {
    using R = Row<Vector<Channels>, Channels>;

    // Norm and GELU of `count` rows, AT_ONCE at most.
    template <typename To>
    static INLINE void norm_gelu_of(const T* x, To* to, const Norm& norm, i64 channels, i64 count) {
        R rows[AT_ONCE] = {R(channels), R(channels), R(channels), R(channels)};
        for (i64 r = 0; r < count; ++r) rows[r].read(x + r * channels);
        for (i64 r = 0; r < count; ++r) rows[r].normalise(norm);
        for (i64 r = 0; r < count; ++r) rows[r].activate();
        for (i64 r = 0; r < count; ++r) rows[r].write(to + r * channels);
    }

    static void norm_gelu(T* x, Norm norm, i64 rows, i64 channels) {
#pragma omp parallel for schedule(static)
        for (i64 r = 0; r < rows; r += AT_ONCE) {
            T* at = x + r * channels;
            if (r + AT_ONCE <= rows)
                norm_gelu_of(at, at, norm, channels, AT_ONCE);
            else
                norm_gelu_of(at, at, norm, channels, rows - r);
        }
    }

    static void add_norm(
        T* x, const T* onto, const T* positions, T* placed, Norm norm, i64 rows, i64 onto_rows, i64 places,
        i64 channels) {
#pragma omp parallel for schedule(static)
        for (i64 r = 0; r < rows; ++r) {
            R row(channels);
            row.read(x + r * channels);
            row.add(onto + (r % onto_rows) * channels);
            row.normalise(norm);
            row.write(x + r * channels);
            row.add(positions + (r % places) * channels);
            row.write(placed + r * channels);
        }
    }

    static void upscaled_masks(
        const T* x, T* image, const float* filters, float* logits, i64 masks, i64 height, i64 width, i64 channels) {
        const i64 columns = 4 * width, pixels = 4 * height * columns;
#pragma omp parallel for schedule(static)
        for (i64 y = 0; y < 4 * height; ++y)
            for (i64 column = 0; column < columns; column += 4) {
                const i64 pixel = y * columns + column, place = (y >> 2) * width + (column >> 2);
                const T* from = x + (place * 16 + (y & 2) * 4 + (y & 1) * 2) * channels;
                // The four pixels of a row come from two pairs, which lie four pixels apart.
                R row[4] = {R(channels), R(channels), R(channels), R(channels)};
                for (int k = 0; k < 4; ++k) row[k].read(from + ((k & 2) * 2 + (k & 1)) * channels);
                for (int k = 0; k < 4; ++k) row[k].activate();
                if (image)
                    for (int k = 0; k < 4; ++k) row[k].write(image + (pixel + k) * channels);
                for (i64 m = 0; m < masks; ++m)
                    for (int k = 0; k < 4; ++k) logits[m * pixels + pixel + k] = row[k].dot(filters + m * channels);
            }
    }

    static void apply_filter(const T* x, const float* filter, float* to, i64 rows, i64 channels) {
#pragma omp parallel for schedule(static)
        for (i64 r = 0; r < rows; ++r) {
            R row(channels);
            row.read(x + r * channels);
            to[r] = row.dot(filter);
        }
    }

    static constexpr int TAPS = 9;

    // The products of a row of pixels with all taps, tap by tap, with a zero column on either side.
    static void products(const T* x, const Norm& norm, const std::vector<f16x>& taps, i64 width, float* to) {
        const i64 padded = width + 2, channels = i64(taps.size());
        for (int t = 0; t < TAPS; ++t) to[t * padded] = to[t * padded + width + 1] = 0;
        for (i64 column = 0; column < width; column += AT_ONCE) {
            alignas(64) float values[AT_ONCE * (Channels ? Channels : MOST_CHANNELS)];
            const i64 count = column + AT_ONCE <= width ? AT_ONCE : width - column;
            if (count == AT_ONCE)
                norm_gelu_of(x + column * channels, values, norm, channels, AT_ONCE);
            else
                norm_gelu_of(x + column * channels, values, norm, channels, count);
            f16x sums[AT_ONCE] = {};
            const i64 n = Channels ? Channels : channels;
#pragma GCC unroll 4
            for (i64 c = 0; c < n; ++c)
                for (int k = 0; k < AT_ONCE; ++k) sums[k] += values[k * n + c] * taps[c];
            for (int t = 0; t < TAPS; ++t)
                for (i64 k = 0; k < count; ++k) to[t * padded + column + 1 + k] = sums[k][t];
        }
    }

    static void norm_gelu_conv3x3(
        const T* x, Norm norm, const float* filter, float* logits, i64 height, i64 width, i64 channels) {
        std::vector<f16x> taps(channels);
        std::memcpy(static_cast<void*>(taps.data()), filter, channels * sizeof(f16x));
        constexpr i64 BAND = 16;
        const i64 bands = (height + BAND - 1) / BAND, padded = width + 2;
#pragma omp parallel
        {
            std::vector<float> ring(3 * TAPS * padded);
            const auto of_row = [&](i64 y) { return ring.data() + ((y + 3) % 3) * TAPS * padded; };
            const auto make = [&](i64 y) {
                if (y < 0 || y >= height)
                    std::memset(of_row(y), 0, sizeof(float) * TAPS * padded);
                else
                    products(x + y * width * channels, norm, taps, width, of_row(y));
            };
#pragma omp for schedule(static)
            for (i64 band = 0; band < bands; ++band) {
                // The rows above and below a band are made again by its neighbour.
                const i64 first = band * BAND, last = first + BAND < height ? first + BAND : height;
                make(first - 1);
                make(first);
                for (i64 y = first; y < last; ++y) {
                    make(y + 1);
                    for (int dy = 0; dy < 3; ++dy) {
                        const float* from = of_row(y + dy - 1) + dy * 3 * padded;
                        float* to = logits + y * width;
                        for (i64 c = 0; c < width; ++c)
                            to[c] += from[c] + from[padded + c + 1] + from[2 * padded + c + 2];
                    }
                }
            }
        }
    }
};

// LayerNorm, and GELU if asked, of rows of any width; where they lie, or elsewhere.
template <bool GELU, typename T> void norm(const T* x, T* to, Norm norm, i64 rows, i64 channels) {
#pragma omp parallel for schedule(static)
    for (i64 r = 0; r < rows; ++r) {
        const T* from = x + r * channels;
        T* at = to + r * channels;
        f16x sums{}, squares{};
        float sum = 0, square = 0;
        over(
            channels, [&](i64 c) { sums += load<f16x>(from + c); }, [&](i64 c) { sum += load<float>(from + c); });
        const float mean = (sum + sum_of(sums)) / float(channels);
        const auto add_square = [&](auto& total, auto value) { total += (value - mean) * (value - mean); };
        over(
            channels, [&](i64 c) { add_square(squares, load<f16x>(from + c)); },
            [&](i64 c) { add_square(square, load<float>(from + c)); });
        const float inverse = 1.0f / std::sqrt((square + sum_of(squares)) / float(channels) + norm.eps);
        const auto normal = [&](auto value, i64 c) {
            using V = decltype(value);
            const V result = (value - mean) * inverse * load<V>(norm.weight + c) + load<V>(norm.bias + c);
            store<V>(at + c, GELU ? gelu(result) : result);
        };
        over(
            channels, [&](i64 c) { normal(load<f16x>(from + c), c); },
            [&](i64 c) { normal(load<float>(from + c), c); });
    }
}

}  // namespace
