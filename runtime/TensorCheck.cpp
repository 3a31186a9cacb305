// SPDX-License-Identifier: Apache-2.0
//
// What attention asks of its arguments on every device, in words.
#include "runtime/TensorCheck.h"
#include "runtime/PlanLayout.h"
#include <algorithm>

namespace falloff::runtime {
namespace {

std::string number(int64_t value) { return std::to_string(value); }

/// "64 tokens, as the plan has (text: token 4; video: frame 3 x patch 20)"
std::string describeTokens(const Grid &grid, int64_t tokens) {
  std::string text = number(tokens) + " tokens, as the plan has";
  if (tokens != grid.tokens)
    return text + " in its slice";
  std::string parts;
  for (const Segment &segment : grid.segments) {
    parts += (parts.empty() ? "" : "; ") + segment.name + ":";
    for (size_t axis = 0; axis < segment.extents.size(); ++axis)
      parts += (axis ? " x " : " ") + (axis < segment.axes.size() ? segment.axes[axis] + " " : "") +
               number(segment.extents[axis]);
  }
  return parts.empty() ? text : text + " (" + parts + ")";
}

std::string checkSizes(const char *name, const Tensor &tensor, int64_t dimension, const char *what, int64_t expected,
                       const char *other) {
  if (tensor.sizes[dimension] == expected)
    return "";
  return std::string("expects ") + name + " with " + what + " " + number(expected) + ", as " + other + ", but got " +
         number(tensor.sizes[dimension]);
}

std::string checkHeads(const Plan &plan, const Tensor &q, const Tensor &k, const Tensor &v) {
  int64_t heads = q.sizes[2], keyHeads = k.sizes[2];
  if (heads < 1 || keyHeads < 1 || heads % keyHeads)
    return "expects heads of q to be a multiple of those of k, but got " + number(heads) + " and " + number(keyHeads);
  if (std::string error = checkSizes("v", v, 2, "heads", keyHeads, "k has"); !error.empty())
    return error;
  if (plan.heads() > 1 && plan.heads() != heads)
    return "expects q with " + number(plan.heads()) + " heads, as the plan has tables for, but got " + number(heads);
  if (plan.batches > 1 && plan.batches != q.sizes[0])
    return "expects q with " + number(plan.batches) + " batch entries, as the plan has tables for, but got " +
           number(q.sizes[0]);
  return "";
}

std::string checkTextLengths(const Plan &plan, int64_t batch, const std::vector<int64_t> &lengths) {
  if (lengths.empty())
    return "";
  const Segment *text = textSegment(plan.grid);
  if (!text)
    return "expects a pattern with a segment of axis 'token' for text lengths, but this one has none";
  if (int64_t(lengths.size()) != batch)
    return "expects one text length a batch entry, " + number(batch) + ", but got " + number(lengths.size());
  for (int64_t length : lengths)
    if (length < 0 || length > text->tokens())
      return "expects text lengths from 0 to " + number(text->tokens()) + ", the tokens of segment '" + text->name +
             "', but got " + number(length);
  return "";
}

std::string checkType(const char *name, const Tensor &tensor, const Tensor &q) {
  if (tensor.dtype != q.dtype)
    return std::string("expects ") + name + " of " + nameOf(q.dtype) + ", as q is, but got " + nameOf(tensor.dtype);
  return "";
}

std::string checkDevice(const char *name, const Tensor &tensor, const Tensor &q) {
  if (tensor.device != q.device)
    return std::string("expects ") + name + " on " + nameOfDevice(q.device) + ", where q lies, but got " +
           nameOfDevice(tensor.device);
  return "";
}

std::string firstOf(std::initializer_list<std::string> errors) {
  for (const std::string &error : errors)
    if (!error.empty())
      return error;
  return "";
}

std::string checkDimension(const char *name, int64_t dimension) {
  if (dimension >= 1 && dimension <= maxHeadDimension)
    return "";
  return std::string("expects a head dimension of ") + name + " from 1 to " + number(maxHeadDimension) + ", but got " +
         number(dimension);
}

/// Only the rounding radial-reference makes plans that leave tokens out.
std::string checkCover(const Plan &plan) {
  const Grid &grid = plan.grid;
  if (grid.kind != GridKind::Flat)
    return "";
  int64_t covered = std::min(grid.queryTiles * grid.flatQueryTile, grid.keyTiles * grid.flatKeyTile);
  if (covered >= grid.tokens)
    return "";
  return "expects a plan whose tiles cover all " + number(grid.tokens) + " tokens, but got one of rounding " +
         plan.rounding + " that covers " + number(covered) + "; rounding nearest, outward or exact covers all";
}

std::string checkTokens(const Grid &grid, const char *name, const Tensor &tensor, int64_t tokens) {
  if (tensor.sizes[1] == tokens)
    return "";
  return std::string("expects ") + name + " with " + describeTokens(grid, tokens) + ", but got " +
         number(tensor.sizes[1]);
}

} // namespace

const char *nameOf(DType dtype) {
  return dtype == DType::F32 ? "float32" : dtype == DType::BF16 ? "bfloat16" : "float16";
}

std::string nameOfDevice(int32_t device) { return device == hostDevice ? "the CPU" : "cuda:" + number(device); }

std::string checkInputs(const Plan &plan, const Tensor &q, const Tensor &k, const Tensor &v,
                        const std::vector<int64_t> &textLengths) {
  int64_t batch = q.sizes[0], queryTokens = queryRange(plan.grid).size(), keyTokens = keyRange(plan.grid).size();
  return firstOf({
      checkCover(plan),
      checkDevice("k", k, q),
      checkDevice("v", v, q),
      checkType("k", k, q),
      checkType("v", v, q),
      checkSizes("k", k, 0, "batch", batch, "q has"),
      checkSizes("v", v, 0, "batch", batch, "q has"),
      checkTokens(plan.grid, "q", q, queryTokens),
      checkTokens(plan.grid, "k", k, keyTokens),
      checkTokens(plan.grid, "v", v, keyTokens),
      checkDimension("q", q.sizes[3]),
      checkSizes("k", k, 3, "head dimension", q.sizes[3], "q has"),
      checkDimension("v", v.sizes[3]),
      checkHeads(plan, q, k, v),
      checkTextLengths(plan, batch, textLengths),
  });
}

std::string checkOutputs(const Plan &plan, const Tensor &q, const Tensor &v, const Tensor &out, const Tensor &lse) {
  int64_t batch = q.sizes[0], queryTokens = queryRange(plan.grid).size();
  std::string error = firstOf({
      checkDevice("out", out, q),
      checkType("out", out, q),
      checkSizes("out", out, 0, "batch", batch, "q has"),
      checkSizes("out", out, 1, "tokens", queryTokens, "q has"),
      checkSizes("out", out, 2, "heads", q.sizes[2], "q has"),
      checkSizes("out", out, 3, "head dimension", v.sizes[3], "v has"),
  });
  if (!error.empty() || !lse.data)
    return error;
  if (lse.dtype != DType::F32)
    return std::string("expects lse of float32, but got ") + nameOf(lse.dtype);
  return firstOf({checkDevice("lse", lse, q), checkSizes("lse", lse, 0, "batch", batch, "q has"),
                  checkSizes("lse", lse, 1, "heads", q.sizes[2], "q has"),
                  checkSizes("lse", lse, 2, "queries", queryTokens, "q has")});
}

} // namespace falloff::runtime
