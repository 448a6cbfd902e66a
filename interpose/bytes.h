/* SPDX-License-Identifier: MIT */
/* bytes: what reading an object needs of bytes, bits and ranges of offsets */
#ifndef GOTHREADS_BYTES_H
#define GOTHREADS_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Offsets from an object's base, [lo, hi). */
struct range {
	uint32_t lo, hi;
};

static inline bool in_range(struct range r, uint32_t off)
{
	return off - r.lo < r.hi - r.lo;
}

static inline bool bit_get(const uint64_t *map, uint32_t i)
{
	return map[i / 64] >> i % 64 & 1;
}

static inline void bit_set(uint64_t *map, uint32_t i)
{
	map[i / 64] |= 1ULL << i % 64;
}

static inline void bit_clear(uint64_t *map, uint32_t i)
{
	map[i / 64] &= ~(1ULL << i % 64);
}

/* 64 of them; the map has a word more than it needs. */
static inline uint64_t bits_from(const uint64_t *map, uint32_t i)
{
	return map[i / 64] >> i % 64 | (i % 64 ? map[i / 64 + 1] << (64 - i % 64) : 0);
}

static inline uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

#endif
