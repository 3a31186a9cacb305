// SPDX-License-Identifier: Apache-2.0
//
// CausVid, Yin et al. 2025 (arXiv 2412.07772), and Self-Forcing, Huang et al. 2025
// (arXiv 2506.08009): chunks of frames in order. A frame sees its own chunk and, of
// those before, the frames within %window of its chunk's end; %window is at least
// %chunk. The first %sinks frames stay in sight.
mask.pattern @block_causal(%chunk: count = 3, %window: count = 21, %sinks: count = 0)
    over video(%frame: ?, %patch: ?) {
  %block, %beat = split %frame by %chunk
  %past   = causal %block
  %recent = where %chunk * (query(%block) + 1) - key(%frame) <= %window
  %first  = first %sinks of %frame
  keep %first, %recent only %past
}
