// What the tuned engine does between its matrix products, each in one pass over memory.
//
// PyTorch makes these in several passes, and in bfloat16 each pass converts to float32 and back. Here a row is read
// once, computed in float32, and written once. `plain.py` says the same in PyTorch.

#include "attention.h"
#include "bottleneck.h"
#include "bytes.h"
#include "depthwise.h"
#include "grid_attention.h"
#include "normalise.h"
#include "rows.h"
#include "softmax.h"
#include "windows.h"

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
        const Norm numbers{weight, bias, eps};                                                                       \
        if (channels == 64)                                                                                          \
            ByChannel<T, 64>::norm_gelu(x, numbers, rows, channels);                                                 \
        else if (channels == 48)                                                                                     \
            ByChannel<T, 48>::norm_gelu(x, numbers, rows, channels);                                                 \
        else                                                                                                         \
            norm<true>(x, x, numbers, rows, channels);                                                               \
    }                                                                                                                \
    extern "C" void bottleneck_##suffix(                                                                             \
        const T* x, T* to, const T* widen, const float* widen_bias, const float* mix, const float* mix_bias,         \
        const T* narrow, const float* narrow_bias, i64 channels, i64 inner, i64 images, i64 height, i64 width) {     \
        const BottleneckWeights<T> weights{                                                                          \
            widen, narrow, mix, widen_bias, mix_bias, narrow_bias, channels, inner};                                 \
        bottleneck(x, to, weights, images, height, width);                                                           \
    }                                                                                                                \
    extern "C" void depthwise_##suffix(                                                                              \
        const T* x, T* to, const float* filters, const float* bias, const T* gate, i64 side, i64 before, i64 after,  \
        i64 images, i64 height, i64 width, i64 channels, i64 rows, i64 columns, i64 stride, i64 top, i64 left,       \
        i64 dilation) {                                                                                              \
        const Depthwise at{images, height, width, channels, rows, columns, stride, top, left, dilation};             \
        if (side == 3)                                                                                               \
            depthwise<3>(x, to, filters, bias, gate, at, Range(before), Range(after));                               \
        else                                                                                                         \
            depthwise<5>(x, to, filters, bias, gate, at, Range(before), Range(after));                               \
    }                                                                                                                \
    extern "C" void depthwise_filter_gradient_##suffix(                                                              \
        const T* x, const T* y, const T* gradient, T* passed, float* sums, i64 threads, i64 side, i64 before,        \
        i64 after, i64 images, i64 height, i64 width, i64 channels, i64 rows, i64 columns, i64 stride, i64 top,      \
        i64 left) {                                                                                                  \
        const Depthwise at{images, height, width, channels, rows, columns, stride, top, left, 1};                    \
        if (side == 3)                                                                                               \
            depthwise_filter_gradient<3>(x, y, gradient, passed, sums, threads, at, Range(before), Range(after));    \
        else                                                                                                         \
            depthwise_filter_gradient<5>(x, y, gradient, passed, sums, threads, at, Range(before), Range(after));    \
    }                                                                                                                \
    extern "C" void norm_##suffix(                                                                                   \
        const T* x, T* to, const float* weight, const float* bias, float eps, i64 rows, i64 channels) {              \
        norm<false>(x, to, Norm{weight, bias, eps}, rows, channels);                                                 \
    }                                                                                                                \
    extern "C" void quantise_##suffix(const T* x, std::uint8_t* to, float* steps, i64 rows, i64 channels) {          \
        quantise(x, to, steps, rows, channels);                                                                      \
    }                                                                                                                \
    extern "C" void dequantise_##suffix(                                                                             \
        T* x, const float* steps, const float* bias, i64 with_gelu, i64 rows, i64 channels) {                        \
        if (with_gelu)                                                                                               \
            dequantise<true>(x, steps, bias, rows, channels);                                                        \
        else                                                                                                         \
            dequantise<false>(x, steps, bias, rows, channels);                                                       \
    }                                                                                                                \
    extern "C" void normalise_and_pad_##suffix(                                                                      \
        T* to, const std::uint8_t* image, const float* mean, const float* deviation, i64 height, i64 width,          \
        i64 whole_height, i64 whole_width) {                                                                         \
        normalise_and_pad(to, image, mean, deviation, height, width, whole_height, whole_width);                     \
    }                                                                                                                \
    extern "C" void relative_bias_attention_##suffix(                                                                \
        const T* qkv, const T* padding, const T* biases, i64 bias_rows, i64 reach, T* to, i64 by_head, i64 tiled,    \
        i64 images, i64 height, i64 width, i64 window_height, i64 window_width, i64 heads, i64 channels) {           \
        const Windows grid{images, height, width, window_height, window_width, heads, channels};                     \
        relative_bias_attention(qkv, padding, biases, bias_rows, reach, to, by_head != 0, tiled != 0, grid);         \
    }                                                                                                                \
    extern "C" void split_heads_##suffix(                                                                            \
        const T* qkv, const T* padding, T* to, float scale, i64 by_head,    i64 images, i64 height, i64 width,       \
        i64 window_height, i64 window_width, i64 heads, i64 channels) {                                              \
        const Windows grid{images, height, width, window_height, window_width, heads, channels};                     \
        split_heads(qkv, padding, to, scale, by_head != 0, grid);                                                    \
    }                                                                                                                \
    extern "C" void merge_heads_##suffix(                                                                            \
        const T* attended, T* to, i64 images, i64 height, i64 width, i64 window_height, i64 window_width, i64 heads, \
        i64 channels) {                                                                                              \
        merge_heads(attended, to, Windows{images, height, width, window_height, window_width, heads, channels});     \
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
    extern "C" void upscaled_masks_##suffix(                                                                         \
        const T* x, T* image, const float* filters, float* logits, i64 masks, i64 height, i64 width, i64 channels) { \
        BY_CHANNEL(T, channels, 32, 24, upscaled_masks(x, image, filters, logits, masks, height, width, channels))   \
    }                                                                                                                \
    extern "C" void apply_filter_##suffix(const T* x, const float* filter, float* to, i64 rows, i64 channels) {      \
        BY_CHANNEL(T, channels, 32, 24, apply_filter(x, filter, to, rows, channels))                                 \
    }                                                                                                                \
    extern "C" void norm_gelu_conv3x3_##suffix(                                                                      \
        const T* x, const float* weight, const float* bias, float eps, const float* taps, float* logits, i64 height, \
        i64 width, i64 channels) {                                                                                   \
        const Norm norm{weight, bias, eps};                                                                          \
        BY_CHANNEL(T, channels, 64, 32, norm_gelu_conv3x3(x, norm, taps, logits, height, width, channels))           \
    }

// Whether the sums of small products have room in the registers. Where they have not, PyTorch's products are quicker.
extern "C" i64 multiplies() {
#ifdef __AVX512F__
    return 1;
#else
    return 0;
#endif
}

// Whether there are tiles, and `attend_on_grid`.
extern "C" i64 has_tiles() { return may_use_tiles(); }

#ifdef HAS_TILES
extern "C" void attend_on_grid_bfloat16(
    const bf16* query, const bf16* key, const bf16* value, const bf16* by_row, const bf16* by_column, bf16* to, i64 heads,
    i64 height, i64 width, i64 channels) {
    attend_on_grid(query, key, value, by_row, by_column, to, GridOfKeys{heads, height, width, channels});
}
#endif

EXPORT(float, float32)
EXPORT(bf16, bfloat16)
