// SPDX-License-Identifier: Apache-2.0
//
// Names of extents: which number binds which axis. An axis goes by its own
// name, by its binding name, and `patch` by height times width as well.
#include "compiler/passes/BindExtents.h"
#include "compiler/passes/Names.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <map>
#include <optional>
#include <set>

using namespace mlir;
using namespace falloff;

/// Most tokens of a sequence: they are numbered in 32 bits.
static constexpr int64_t maxTokens = std::numeric_limits<int32_t>::max();

static std::vector<std::string> bindingNames(llvm::StringRef axis) {
  if (axis == "frame")
    return {"frames"};
  if (axis == "row")
    return {"height"};
  if (axis == "column")
    return {"width"};
  if (axis == "patch")
    return {"tokens_per_frame"};
  if (axis == "token")
    return {"text", "tokens"};
  return {};
}

static bool mayBeEmpty(llvm::StringRef axis) {
  return axis != "frame" && axis != "row" && axis != "column" && axis != "patch";
}

namespace {
/// The extents that were given, and which of them found their axis.
class GivenExtents {
public:
  GivenExtents(Location loc, llvm::StringRef pattern) : loc(loc), pattern(pattern) {}

  LogicalResult add(llvm::ArrayRef<std::pair<std::string, int64_t>> extents);
  std::optional<int64_t> find(llvm::StringRef name);
  /// The one value among those given under these names; fails if two of them
  /// differ.
  FailureOr<std::optional<int64_t>> findOne(llvm::ArrayRef<std::string> names);
  /// " beside 'token'": what to append to a message that others are missing; nothing where none was given.
  std::string beside() const;
  /// Fails on the first name that nothing asked for.
  LogicalResult verifyAllUsed(std::vector<std::string> known);

private:
  Location loc;
  llvm::StringRef pattern;
  std::map<std::string, int64_t> values;
  std::set<std::string> used;
};
} // namespace

LogicalResult GivenExtents::add(llvm::ArrayRef<std::pair<std::string, int64_t>> extents) {
  for (const auto &[name, extent] : extents) {
    if (extent < 0 || extent > maxTokens)
      return emitError(loc) << "pattern '" << pattern << "' expects an extent from 0 to " << maxTokens << " for '"
                            << name << "', but got " << extent;
    auto [it, isNew] = values.insert({name, extent});
    if (!isNew && it->second != extent)
      return emitError(loc) << "'" << name << "' is given twice, as " << it->second << " and as " << extent;
  }
  return success();
}

std::optional<int64_t> GivenExtents::find(llvm::StringRef name) {
  auto it = values.find(name.str());
  if (it == values.end())
    return std::nullopt;
  used.insert(it->first);
  return it->second;
}

FailureOr<std::optional<int64_t>> GivenExtents::findOne(llvm::ArrayRef<std::string> names) {
  std::optional<int64_t> extent;
  std::string from;
  for (const std::string &name : names) {
    std::optional<int64_t> other = find(name);
    if (extent && other && *extent != *other)
      return emitError(loc) << "'" << from << "' and '" << name << "' name one axis of pattern '" << pattern
                            << "', but got " << *extent << " and " << *other;
    if (other && !extent)
      extent = other, from = name;
  }
  return extent;
}

std::string GivenExtents::beside() const {
  std::string text;
  for (const auto &[name, extent] : values)
    text += (text.empty() ? " beside '" : ", '") + name + "'";
  return text;
}

LogicalResult GivenExtents::verifyAllUsed(std::vector<std::string> known) {
  for (const auto &[name, extent] : values) {
    if (used.count(name))
      continue;
    // No text at all is what a pattern without text has.
    if (name == "text" && extent == 0)
      continue;
    return emitError(loc) << "pattern '" << pattern << "' has no axis '" << name << "'" << suggest(name, known);
  }
  return success();
}

namespace {
/// Fills in the extents of one pattern.
class ExtentResolver {
public:
  ExtentResolver(Location loc, llvm::StringRef pattern, llvm::ArrayRef<NamedSegment> segments)
      : loc(loc), pattern(pattern), segments(segments), given(loc, pattern) {
    for (const NamedSegment &segment : segments)
      axes.insert(segment.axes.begin(), segment.axes.end());
  }

  FailureOr<BoundExtents> resolve(llvm::ArrayRef<std::pair<std::string, int64_t>> extents);

private:
  bool has(const char *axis) const { return axes.count(axis) != 0; }
  bool hasRowsAndColumns() const { return has("row") && has("column"); }
  FailureOr<std::optional<int64_t>> findAxis(const NamedSegment &segment, unsigned axis);
  FailureOr<std::optional<int64_t>> findPatch();
  LogicalResult verifyTokensPerFrame(const BoundExtents &bound);
  LogicalResult emitMissing();
  LogicalResult verifySizes(BoundExtents &bound);
  std::vector<std::string> knownNames() const;

  Location loc;
  llvm::StringRef pattern;
  llvm::ArrayRef<NamedSegment> segments;
  GivenExtents given;
  std::set<std::string> axes;
  std::vector<std::string> missing;
};
} // namespace

FailureOr<std::optional<int64_t>> ExtentResolver::findPatch() {
  FailureOr<std::optional<int64_t>> extent = given.findOne({"patch", "tokens_per_frame"});
  if (failed(extent) || hasRowsAndColumns())
    return extent;
  std::optional<int64_t> height, width;
  // An axis of that very name takes its number for itself.
  if (!has("row") && !has("height"))
    height = given.find("height");
  if (!has("column") && !has("width"))
    width = given.find("width");
  if (!height && !width)
    return extent;
  if (!height || !width)
    return emitError(loc) << "expects height and width together, but got " << (height ? "height" : "width") << " alone";
  int64_t area = *height * *width; // both are below 2^31
  if (*extent && **extent != area)
    return emitError(loc) << "expects tokens_per_frame to be height x width = " << *height << " x " << *width << " = "
                          << area << ", but got " << **extent;
  return std::optional<int64_t>(area);
}

FailureOr<std::optional<int64_t>> ExtentResolver::findAxis(const NamedSegment &segment, unsigned axis) {
  const std::string &name = segment.axes[axis];
  FailureOr<std::optional<int64_t>> extent = std::optional<int64_t>();
  if (name == "patch") {
    extent = findPatch();
  } else {
    std::vector<std::string> names{name};
    // A binding name that is another axis' own name is that axis'.
    for (const std::string &binding : bindingNames(name))
      if (!axes.count(binding))
        names.push_back(binding);
    extent = given.findOne(names);
  }
  if (failed(extent) || *extent)
    return extent;
  if (segment.extents[axis] >= 0)
    return std::optional<int64_t>(segment.extents[axis]);
  if (segment.name == "text" && name == "token")
    return std::optional<int64_t>(0);
  return extent;
}

LogicalResult ExtentResolver::verifyTokensPerFrame(const BoundExtents &bound) {
  if (!hasRowsAndColumns() || has("patch"))
    return success();
  std::optional<int64_t> perFrame = given.find("tokens_per_frame");
  if (!perFrame)
    return success();
  int64_t height = -1, width = -1;
  for (auto [segment, extents] : llvm::zip(segments, bound.extents))
    for (auto [axis, extent] : llvm::zip(segment.axes, extents)) {
      if (axis == "row")
        height = extent;
      else if (axis == "column")
        width = extent;
    }
  if (height < 0 || width < 0)
    return emitError(loc) << "pattern '" << pattern
                          << "' has rows and columns and expects height and "
                             "width, but got tokens_per_frame alone";
  if (height * width != *perFrame)
    return emitError(loc) << "expects tokens_per_frame to be height x width = " << height << " x " << width << " = "
                          << height * width << ", but got " << *perFrame;
  return success();
}

LogicalResult ExtentResolver::emitMissing() {
  std::string text;
  for (const std::string &axis : missing) {
    text += text.empty() ? "'" : ", '";
    text += axis + "'";
    std::vector<std::string> names = bindingNames(axis);
    if (axis == "patch")
      names.push_back("height and width");
    if (!names.empty())
      text += " (" + llvm::join(names, ", or ") + ")";
  }
  return emitError(loc) << "pattern '" << pattern << "' expects "
                        << (missing.size() == 1 ? "an extent for " : "extents for ") << text << ", but got none"
                        << given.beside();
}

LogicalResult ExtentResolver::verifySizes(BoundExtents &bound) {
  bound.tokens = 0;
  for (auto [segment, extents] : llvm::zip(segments, bound.extents)) {
    int64_t tokens = 1;
    bool overflow = false;
    for (auto [axis, extent] : llvm::zip(segment.axes, extents)) {
      if (extent == 0 && !mayBeEmpty(axis))
        return emitError(loc) << "pattern '" << pattern << "' expects an extent of at least 1 for '" << axis
                              << "', but got 0";
      overflow |= llvm::MulOverflow(tokens, extent, tokens);
    }
    overflow |= llvm::AddOverflow(bound.tokens, tokens, bound.tokens);
    if (overflow || bound.tokens > maxTokens)
      return emitError(loc) << "pattern '" << pattern << "' expects at most " << maxTokens
                            << " tokens in all, but segment '" << segment.name << "' brings it over";
  }
  return success();
}

std::vector<std::string> ExtentResolver::knownNames() const {
  std::set<std::string> names(axes.begin(), axes.end());
  for (const std::string &axis : axes)
    for (const std::string &name : bindingNames(axis))
      names.insert(name);
  if (has("patch"))
    names.insert({"height", "width"});
  if (hasRowsAndColumns())
    names.insert("tokens_per_frame");
  return {names.begin(), names.end()};
}

FailureOr<BoundExtents> ExtentResolver::resolve(llvm::ArrayRef<std::pair<std::string, int64_t>> extents) {
  if (failed(given.add(extents)))
    return failure();
  BoundExtents bound;
  for (const NamedSegment &segment : segments) {
    std::vector<int64_t> &out = bound.extents.emplace_back();
    for (unsigned axis = 0; axis < segment.axes.size(); ++axis) {
      FailureOr<std::optional<int64_t>> extent = findAxis(segment, axis);
      if (failed(extent))
        return failure();
      if (!*extent)
        missing.push_back(segment.axes[axis]);
      out.push_back(extent->value_or(-1));
    }
  }
  if (failed(verifyTokensPerFrame(bound)) || failed(given.verifyAllUsed(knownNames())))
    return failure();
  if (!missing.empty())
    return emitMissing();
  if (failed(verifySizes(bound)))
    return failure();
  return bound;
}

FailureOr<BoundExtents> falloff::resolveExtents(Location loc, llvm::StringRef pattern,
                                                llvm::ArrayRef<NamedSegment> segments,
                                                llvm::ArrayRef<std::pair<std::string, int64_t>> extents) {
  return ExtentResolver(loc, pattern, segments).resolve(extents);
}
