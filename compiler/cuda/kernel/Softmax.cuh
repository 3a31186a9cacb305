// SPDX-License-Identifier: Apache-2.0
//
// The softmax of a lane's rows, a block of keys after the other, in powers of two. A row's sum stays in the four lanes
// that share it until the end.

struct Softmax {
  float maximum[rowTiles][2]; ///< the same in each lane of a quad; -inf: no key was seen
  float sum[rowTiles][2];     ///< of this lane's columns

  __device__ Softmax() {
#pragma unroll
    for (int row = 0; row < 2 * rowTiles; ++row) {
      maximum[row / 2][row % 2] = -infinity;
      sum[row / 2][row % 2] = 0;
    }
  }

  /// Turns scores into weights, and outputs so far to their scale. The maximum follows scores only where they pass it
  /// by more than `slack`, so that outputs are seldom touched; within that, floats are as exact as below 1.
  template <typename Outputs>
  __device__ void weigh(float (&scores)[rowTiles][keyBlock / 8][4], Outputs &outputs, const Scores &product) {
    float largest[rowTiles][2];
    bool grows = false;
#pragma unroll
    for (int row = 0; row < 2 * rowTiles; ++row) {
      const int tile = row / 2, half = row % 2;
      float most = -infinity;
#pragma unroll
      for (int j = 0; j < keyBlock / 8; ++j)
        most = fmaxf(most, fmaxf(scores[tile][j][2 * half], scores[tile][j][2 * half + 1]));
      largest[tile][half] = quadMaximum(most * product.factor(tile, half));
      grows |= largest[tile][half] > maximum[tile][half] + Values::slack;
    }
    if (__any_sync(allLanes, grows))
      follow(largest, outputs);
#pragma unroll
    for (int row = 0; row < 2 * rowTiles; ++row) {
      const int tile = row / 2, half = row % 2;
      const float base = Values::offset - finite(maximum[tile][half]), factor = product.factor(tile, half);
#pragma unroll
      for (int j = 0; j < keyBlock / 8; ++j) {
        float &left = scores[tile][j][2 * half], &right = scores[tile][j][2 * half + 1];
        left = fmaf(left, factor, base);
        right = fmaf(right, factor, base);
        toPowersOfTwo(left, right);
        sum[tile][half] += left;
        sum[tile][half] += right;
      }
    }
  }

  /// After the last block: sums are those of whole rows, times a factor, the same in each lane of a quad. Called by
  /// whole warps.
  __device__ void finish(float factor) {
#pragma unroll
    for (int row = 0; row < 2 * rowTiles; ++row)
      sum[row / 2][row % 2] = quadSum(sum[row / 2][row % 2]) * factor;
  }

private:
  /// Rows that saw no key have a maximum of -inf, and -inf less -inf would be NaN.
  static __device__ float finite(float maximum) { return maximum == -infinity ? 0 : maximum; }

  template <typename Outputs>
  __device__ void follow(const float (&largest)[rowTiles][2], Outputs &outputs) {
#pragma unroll
    for (int row = 0; row < 2 * rowTiles; ++row) {
      const int tile = row / 2, half = row % 2;
      const float before = maximum[tile][half];
      maximum[tile][half] = fmaxf(before, largest[tile][half]);
      const float scale = powerOfTwo(before - finite(maximum[tile][half]));
      sum[tile][half] *= scale;
#pragma unroll
      for (int j = 0; j < valueDim / 8; ++j) {
        outputs[tile][j][2 * half] *= scale;
        outputs[tile][j][2 * half + 1] *= scale;
      }
    }
  }
};
