// SPDX-License-Identifier: Apache-2.0
//
// Each thread squares a number and reads its neighbour's through shared memory, within its warp: what belongs between
// the two is a __syncwarp. Likewise planted: see Product.cu.
extern "C" __global__ void __launch_bounds__(64) exchange(const int *in, int *out) {
  __shared__ int numbers[64];
  const int thread = threadIdx.x;
#ifdef PLANT_SAME_PLACE
  numbers[thread / 2] = in[thread] * in[thread];
#else
  numbers[thread] = in[thread] * in[thread];
#endif
#ifdef PLANT_EARLY_RETURN
  if (thread >= 32)
    return;
  __syncthreads();
#endif
#ifndef PLANT_NO_SYNCWARP
  __syncwarp();
#endif
#ifdef PLANT_OTHER_WARP
  out[thread] = numbers[thread ^ 33];
#else
  out[thread] = numbers[thread ^ 1];
#endif
#ifdef PLANT_DIVERGENT_SHUFFLE
  if (thread % 32 < 20)
    out[thread] += __shfl_xor_sync(0xffffffff, thread, 1);
#endif
}
