// What the tuned engine does between its matrix products, each in one pass over memory.
//
// PyTorch makes these in several passes, and in bfloat16 each pass converts to float32 and back. Here a row is read
// once, computed in float32, and written once. Vectors are the compiler's own, so that nothing is written for one
// processor: 16 lanes become one instruction where there is AVX-512, and several elsewhere. `plain.py` says the same
// in PyTorch.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

using i64 = std::int64_t;

struct bf16 {
    std::uint16_t bits;
};

#define INLINE __attribute__((always_inline)) inline

namespace {

// 16 numbers, 8, or 1: what is computed at a time. Each with the types that it is cast to and from.
typedef float f16x __attribute__((vector_size(64)));
typedef float f8x __attribute__((vector_size(32)));

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

// e to the x for x <= 0, off by two units in the last place; 1e-38 and less is 1e-38.
template <typename V> INLINE V exp_of_negative(V x) {
    using Ints = typename Of<V>::ints;
    using Words = typename Of<V>::words;
    x = larger(x, V{} - 87.0f);
    const Ints whole = converted<Ints>(x * 1.44269504f - 0.5f);  // to the nearest, as it is never positive
    const V turns = converted<V>(whole);
    const V r = (x - turns * 0.693359375f) + turns * 2.12194440e-4f;
    V p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * r * r + r) + 1.0f;
    return p * bits_of<V>(converted<Words>(whole + 127) << 23);
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

// As many lanes as divide the channels.
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

    static void spread(
        const T* x, T* image, const float* filters, float* logits, i64 masks, i64 height, i64 width, i64 channels) {
        const i64 columns = 4 * width, pixels = 4 * height * columns;
#pragma omp parallel for schedule(static)
        for (i64 y = 0; y < 4 * height; ++y)
            for (i64 column = 0; column < columns; column += 4) {
                const i64 pixel = y * columns + column, place = (y >> 2) * width + (column >> 2);
                const T* from = x + (place * 16 + (y & 2) * 4 + (y & 1) * 2) * channels;
                // Of the four pixels of a place's row, two lie beside each other, and two are four further on.
                R row[4] = {R(channels), R(channels), R(channels), R(channels)};
                for (int k = 0; k < 4; ++k) row[k].read(from + ((k & 2) * 2 + (k & 1)) * channels);
                for (int k = 0; k < 4; ++k) row[k].activate();
                if (image)
                    for (int k = 0; k < 4; ++k) row[k].write(image + (pixel + k) * channels);
                for (i64 m = 0; m < masks; ++m)
                    for (int k = 0; k < 4; ++k) logits[m * pixels + pixel + k] = row[k].dot(filters + m * channels);
            }
    }

    static void product(const T* x, const float* filter, float* to, i64 rows, i64 channels) {
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

    static void narrow(
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

// Steps of 16 over a row, and single ones to its end.
template <typename F16, typename F1> INLINE void over(i64 width, F16 sixteen, F1 one) {
    i64 c = 0;
    for (; c + 16 <= width; c += 16) sixteen(c);
    for (; c < width; ++c) one(c);
}

// y = e^(y - most), and their sum.
INLINE float exponentials(float* y, float most, i64 width) {
    f16x sums{};
    float sum = 0;
    over(
        width,
        [&](i64 c) {
            const f16x e = exp_of_negative<f16x>(load<f16x>(y + c) - most);
            store(y + c, e);
            sums += e;
        },
        [&](i64 c) { sum += y[c] = exp_of_negative<float>(y[c] - most); });
    return sum + sum_of(sums);
}

// y = x + added, and the largest of it.
template <typename T, typename Added> INLINE float sum_and_largest(const T* x, float* y, i64 width, Added added) {
    f16x mosts = f16x{} - INFINITY;
    float most = -INFINITY;
    over(
        width,
        [&](i64 c) {
            const f16x v = load<f16x>(x + c) + added(f16x{}, c);
            store(y + c, v);
            mosts = larger(mosts, v);
        },
        [&](i64 c) {
            y[c] = load<float>(x + c) + added(0.0f, c);
            most = larger(most, y[c]);
        });
    return larger(most, largest_of(mosts));
}

// What is added to the logits before a softmax: nothing; rows that come again after `count`; or to a place of a grid
// what belongs to its row, and what to its column.
struct Nothing {
    template <typename T> INLINE float read(const T* x, float* y, i64 width, i64) const {
        return sum_and_largest(x, y, width, [](auto zero, i64) { return zero; });
    }
};
template <typename T> struct Rows {
    const T* bias;
    i64 count;
    INLINE float read(const T* x, float* y, i64 width, i64 row) const {
        const T* added = bias + (row % count) * width;
        return sum_and_largest(x, y, width, [&](auto zero, i64 c) { return load<decltype(zero)>(added + c); });
    }
};
template <typename T> struct Grid {
    const T *by_row, *by_column;
    i64 columns;
    INLINE float read(const T* x, float* y, i64 width, i64 row) const {
        const i64 height = width / columns;
        const T* of_columns = by_column + row * columns;
        float most = -INFINITY;
        for (i64 r = 0; r < height; ++r) {
            const float of_row = load<float>(by_row + row * height + r);
            const auto added = [&](auto zero, i64 c) { return load<decltype(zero)>(of_columns + c) + of_row; };
            most = larger(most, sum_and_largest(x + r * columns, y + r * columns, columns, added));
        }
        return most;
    }
};

template <typename T, typename Added> void softmax(T* x, Added added, i64 rows, i64 width) {
#pragma omp parallel
    {
        std::vector<float> room(width);
        float* const y = room.data();
#pragma omp for schedule(static)
        for (i64 r = 0; r < rows; ++r) {
            T* at = x + r * width;
            const float most = added.read(at, y, width, r), inverse = 1.0f / exponentials(y, most, width);
            over(
                width, [&](i64 c) { store<f16x>(at + c, load<f16x>(y + c) * inverse); },
                [&](i64 c) { store<float>(at + c, y[c] * inverse); });
        }
    }
}

// Softmax over the tokens of some places, VECTORS of V; each token's row is a step after the other's.
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

// The two widths that a kernel meets in our models get loops of a fixed length.
#define BY_CHANNEL(T, channels, one, other, call) \
    if (channels == one)                          \
        ByChannel<T, one>::call;                  \
    else if (channels == other)                   \
        ByChannel<T, other>::call;                \
    else                                          \
        ByChannel<T, 0>::call;

#define EXPORT(T, suffix)                                                                                            \
    extern "C" void norm_gelu_##suffix(                                                                              \
        T* x, const float* weight, const float* bias, float eps, i64 rows, i64 channels) {                           \
        BY_CHANNEL(T, channels, 64, 48, norm_gelu(x, Norm{weight, bias, eps}, rows, channels))                       \
    }                                                                                                                \
    extern "C" void add_norm_##suffix(                                                                               \
        T* x, const T* onto, const T* positions, T* placed, const float* weight, const float* bias, float eps,       \
        i64 rows, i64 onto_rows, i64 places, i64 channels) {                                                         \
        const Norm norm{weight, bias, eps};                                                                          \
        BY_CHANNEL(                                                                                                  \
            T, channels, 256, 192, add_norm(x, onto, positions, placed, norm, rows, onto_rows, places, channels))    \
    }                                                                                                                \
    extern "C" void softmax_##suffix(T* x, const T* bias, i64 rows, i64 bias_rows, i64 width) {                      \
        if (bias)                                                                                                    \
            softmax(x, Rows<T>{bias, bias_rows}, rows, width);                                                       \
        else                                                                                                         \
            softmax(x, Nothing{}, rows, width);                                                                      \
    }                                                                                                                \
    extern "C" void softmax_of_grid_##suffix(                                                                        \
        T* x, const T* by_row, const T* by_column, i64 rows, i64 height, i64 width) {                                \
        softmax(x, Grid<T>{by_row, by_column, width}, rows, height * width);                                         \
    }                                                                                                                \
    extern "C" void softmax_over_tokens_##suffix(                                                                    \
        T* x, const float* offset, i64 prompts, i64 tokens, i64 heads, i64 places) {                                 \
        softmax_over_tokens<T>(x, offset, prompts, tokens, heads, places);                                           \
    }                                                                                                                \
    extern "C" void spread_##suffix(                                                                                 \
        const T* x, T* image, const float* filters, float* logits, i64 masks, i64 height, i64 width, i64 channels) { \
        BY_CHANNEL(T, channels, 32, 24, spread(x, image, filters, logits, masks, height, width, channels))           \
    }                                                                                                                \
    extern "C" void product_##suffix(const T* x, const float* filter, float* to, i64 rows, i64 channels) {           \
        BY_CHANNEL(T, channels, 32, 24, product(x, filter, to, rows, channels))                                      \
    }                                                                                                                \
    extern "C" void narrow_##suffix(                                                                                 \
        const T* x, const float* weight, const float* bias, float eps, const float* taps, float* logits, i64 height, \
        i64 width, i64 channels) {                                                                                   \
        const Norm norm{weight, bias, eps};                                                                          \
        BY_CHANNEL(T, channels, 64, 32, narrow(x, norm, taps, logits, height, width, channels))                      \
    }

EXPORT(float, float32)
EXPORT(bf16, bfloat16)
