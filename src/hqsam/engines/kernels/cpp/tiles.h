// Products of bfloat16 by matrix units, where the processor has them (Intel's AMX): a tile is 16 rows of 64 bytes.
#pragma once

#include "products.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)
#define HAS_TILES
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

// Whether this process may use tiles: Linux has to be asked once, because they make the state of each thread larger.
inline bool may_use_tiles() {
#ifdef HAS_TILES
    constexpr int request_permission = 0x1023, tile_data = 18;
    static const bool allowed = !syscall(SYS_arch_prctl, request_permission, tile_data);
    return allowed;
#else
    return false;
#endif
}

#ifdef HAS_TILES

// The compiler does not know that tiles are read from memory, and might write there only later.
INLINE void finish_writing() { __asm__ volatile("" ::: "memory"); }

// As long as it lives, this thread's eight tiles are whole; then they are again what they were.
class Tiles {
    struct alignas(64) Config {
        std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
        std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
        std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    Config before;

public:
    Tiles() {
        const Config whole;
        _tile_storeconfig(&before);
        finish_writing();
        _tile_loadconfig(&whole);
    }
    ~Tiles() {
        finish_writing();
        _tile_loadconfig(&before);
    }
    Tiles(const Tiles&) = delete;
    Tiles& operator=(const Tiles&) = delete;
};

// A block of a matrix: where it begins, and how many bytes its rows are apart.
template <typename T> struct Block {
    T* at;
    i64 step;

    INLINE T* from(i64 row, i64 bytes) const {
        using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
        return reinterpret_cast<T*>(reinterpret_cast<Byte*>(at) + row * step + bytes);
    }
};

// 32 x 32 sums of products of pairs: rows of `ones` hold 16 pairs for each step, and so many rows of `many` 32 pairs.
template <bool ADD>
INLINE void multiply_tiles(Block<float> sums, Block<const std::uint32_t> ones, Block<const std::uint32_t> many, i64 steps) {
    finish_writing();
    if (ADD) {
        _tile_loadd(0, sums.at, sums.step);
        _tile_loadd(1, sums.from(0, 64), sums.step);
        _tile_loadd(2, sums.from(16, 0), sums.step);
        _tile_loadd(3, sums.from(16, 64), sums.step);
    } else {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    }
    for (i64 k = 0; k < steps; ++k) {
        _tile_loadd(4, ones.from(0, 64 * k), ones.step);
        _tile_loadd(5, ones.from(16, 64 * k), ones.step);
        _tile_loadd(6, many.from(16 * k, 0), many.step);
        _tile_loadd(7, many.from(16 * k, 64), many.step);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums.at, sums.step);
    _tile_stored(1, sums.from(0, 64), sums.step);
    _tile_stored(2, sums.from(16, 0), sums.step);
    _tile_stored(3, sums.from(16, 64), sums.step);
}

#endif

}  // namespace
