// SPDX-License-Identifier: Apache-2.0
//
// C = A Bᵀ of bf16 in fp32, a 64 x 64 block a CTA, with what the attention kernel is made of: cp.async in two stages,
// one commit group a stage, swizzled rows of 128 bytes, ldmatrix, mma.sync, rows past the end filled with zeros.
// Defining one of the macros below plants a bug; regenerate.py compiles this file once without and once with each.
typedef unsigned int u32;
typedef unsigned long long u64;

constexpr int block = 64, depthStep = 64, threads = 128;
constexpr int tileBytes = block * depthStep * 2;

__device__ __forceinline__ u32 sharedAddress(const void *pointer) { return (u32)__cvta_generic_to_shared(pointer); }

__device__ __forceinline__ void copyAsync(u32 to, const void *from, u32 bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

__device__ __forceinline__ void loadMatrices(u32 (&d)[4], u32 from) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
               : "r"(from)
               : "memory");
}

__device__ __forceinline__ void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
               "{%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Byte of 16-byte chunk `chunk` of row `row` in a tile.
__device__ __forceinline__ u32 written(int row, int chunk) {
#ifdef PLANT_NO_SWIZZLE
  return row * 128 + chunk * 16;
#else
  return row * 128 + (chunk ^ (row & 7)) * 16;
#endif
}
__device__ __forceinline__ u32 readAt(int row, int chunk) {
#ifdef PLANT_WRONG_SWIZZLE
  return row * 128 + (chunk ^ (row >> 1 & 7)) * 16;
#else
  return written(row, chunk);
#endif
}

/// Rows first.. of a matrix with `rows` rows and `depth` columns, columns column..column + 63.
__device__ __forceinline__ void copyTile(u32 tile, const char *matrix, int first, int rows, int depth, int column) {
#pragma unroll 1
  for (int i = threadIdx.x; i < block * 8; i += threads) {
    const int row = i / 8, chunk = i % 8;
#ifdef PLANT_TAIL
    const bool there = first + row <= rows;
#else
    const bool there = first + row < rows;
#endif
    const char *from = matrix + ((u64)(there ? first + row : 0) * depth + column + chunk * 8) * 2;
#ifdef PLANT_NO_FILL
    if (there)
      copyAsync(tile + written(row, chunk), from, 16);
#else
    copyAsync(tile + written(row, chunk), from, there ? 16 : 0);
#endif
  }
}

extern "C" __global__ void __launch_bounds__(threads)
    product(const char *a, const char *b, float *c, int rows, int columns, int depth) {
  __shared__ __align__(128) char tiles[2][2][tileBytes]; // stage, A or B
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int firstRow = blockIdx.x * block, firstColumn = blockIdx.y * block;
  float sums[8][4] = {};
  const int steps = depth / depthStep;
  auto copyStep = [&](int step) {
    if (step < steps) {
      const u32 stage = sharedAddress(tiles[step & 1][0]);
      copyTile(stage, a, firstRow, rows, depth, step * depthStep);
      copyTile(stage + tileBytes, b, firstColumn, columns, depth, step * depthStep);
    }
#ifndef PLANT_NO_COMMIT
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
  };
  copyStep(0);
#pragma unroll 1
  for (int step = 0; step < steps; ++step) {
    copyStep(step + 1);
#if defined(PLANT_NO_WAIT)
#elif defined(PLANT_SHORT_WAIT)
    asm volatile("cp.async.wait_group 2;" ::: "memory");
#else
    asm volatile("cp.async.wait_group 1;" ::: "memory");
#endif
#if defined(PLANT_NO_BARRIER)
#elif defined(PLANT_MISSING_WARP)
    if (warp != 3 || step == 0)
      __syncthreads();
#elif defined(PLANT_MISSING_LANES)
    if (lane < 16)
      __syncthreads();
#else
    __syncthreads();
#endif
    const u32 stage = sharedAddress(tiles[step & 1][0]);
#pragma unroll 1
    for (int k = 0; k < 4; ++k) {
      u32 left[4];
      loadMatrices(left, stage + readAt(warp * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        u32 right[4];
        loadMatrices(right, stage + tileBytes + readAt(j * 16 + lane % 8 + lane / 16 * 8, k * 2 + lane / 8 % 2));
        multiply(sums[2 * j], left, right[0], right[1]);
        multiply(sums[2 * j + 1], left, right[2], right[3]);
      }
    }
#ifndef PLANT_NO_SECOND_BARRIER
    __syncthreads();
#endif
  }
#pragma unroll
  for (int j = 0; j < 8; ++j)
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int row = firstRow + warp * 16 + lane / 4 + e / 2 * 8, column = firstColumn + j * 8 + lane % 4 * 2 + e % 2;
#ifdef PLANT_STORE_TAIL
      if (row <= rows && column < columns)
#else
      if (row < rows && column < columns)
#endif
        c[(u64)row * columns + column] = sums[j][e];
    }
}
