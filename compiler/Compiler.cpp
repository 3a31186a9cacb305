// SPDX-License-Identifier: Apache-2.0
//
// Pattern: from a file to a linked pattern, and from there to a mask.

#include "compiler/Compiler.h"
#include "compiler/CompilerImpl.h"
#include "compiler/Diagnostics.h"
#include "compiler/dialect/mask/Mask.h"
#include "compiler/dialect/schedule/Schedule.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace falloff {

Pattern Pattern::load(const std::string &nameOrPath, const Values &parameters, const std::string &library) {
  auto impl = std::make_shared<Impl>();
  impl->context.loadDialect<mask::MaskDialect, schedule::ScheduleDialect>();
  impl->context.printOpOnDiagnostic(false); // messages are one line
  DiagnosticCapture diagnostics(&impl->context);
  FailureOr<OwningOpRef<ModuleOp>> module = loadPattern(&impl->context, nameOrPath, library);
  if (failed(module))
    diagnostics.raise("cannot load pattern '" + nameOrPath + "'");
  impl->module = std::move(*module);
  impl->name = impl->pattern().getSymName().str();
  if (failed(verifyParameters(impl->pattern(), parameters)))
    diagnostics.raise("cannot give these parameters to pattern '" + impl->name + "'");
  impl->given = parameters;
  FailureOr<LinkedProgram> program = buildProgram(impl->pattern());
  if (failed(program))
    diagnostics.raise("cannot read pattern '" + impl->name + "' as sets");
  impl->program.emplace(std::move(*program));
  return Pattern(std::move(impl));
}

const std::string &Pattern::name() const { return impl->name; }

static std::string printDefault(Attribute value) {
  if (auto word = dyn_cast<StringAttr>(value))
    return word.str();
  if (auto real = dyn_cast<FloatAttr>(value))
    return printValue(real.getValueAsDouble());
  if (auto count = dyn_cast<IntegerAttr>(value))
    return std::to_string(count.getInt());
  std::string text;
  llvm::raw_string_ostream os(text);
  value.print(os, /*elideType=*/true);
  return text;
}

std::vector<ParameterInfo> Pattern::parameters() const {
  std::lock_guard lock(impl->mutex);
  std::vector<ParameterInfo> infos;
  for (auto param : impl->pattern().getParams().getAsRange<mask::ParamAttr>()) {
    ParameterInfo info;
    info.name = param.getName().str();
    info.kind = stringifyParamKind(param.getKind()).str();
    if (param.getWords())
      info.kind = llvm::join(param.getWords().getAsValueRange<StringAttr>(), " | ");
    info.perHead = param.getPerHead();
    if (param.getValue())
      info.value = printDefault(param.getValue());
    for (const auto &[name, value] : impl->given)
      if (name == info.name)
        info.value = printValue(value);
    infos.push_back(std::move(info));
  }
  return infos;
}

std::vector<runtime::Segment> Pattern::segments() const {
  std::lock_guard lock(impl->mutex);
  std::vector<runtime::Segment> segments;
  for (auto attr : impl->pattern().getDomain().getAsRange<mask::SegmentAttr>()) {
    runtime::Segment segment;
    segment.name = attr.getLabel().str();
    for (unsigned axis = 0; axis < attr.getNumAxes(); ++axis) {
      segment.axes.push_back(attr.getAxisName(axis).str());
      int64_t extent = attr.getExtents()[axis];
      segment.extents.push_back(ShapedType::isDynamic(extent) ? -1 : extent);
    }
    segments.push_back(std::move(segment));
  }
  return segments;
}

static std::string describeParameters(mask::PatternOp pattern, const BoundPattern &bound) {
  std::vector<std::string> texts;
  for (unsigned index = 0; index < bound.parameters.size(); ++index)
    texts.push_back(pattern.getParam(index).getName().str() + "=" + printValue(bound.parameters[index]));
  return llvm::join(texts, " ");
}

/// The masks of all classes of heads; fails if one cannot be bound.
static LogicalResult bindClasses(BoundHeads &heads) {
  const SpecialisedPattern &specialised = heads.specialised;
  heads.classOf.assign(specialised.patternOfHead.begin(), specialised.patternOfHead.end());
  if (heads.classOf.empty())
    heads.classOf.push_back(0);
  for (uint32_t index = 0; index < specialised.patterns.size(); ++index) {
    int64_t head = llvm::find(heads.classOf, index) - heads.classOf.begin();
    FailureOr<BoundMask> bound = bindMask(*heads.pattern->program, inputsOf(specialised.bound, head));
    if (failed(bound))
      return failure();
    heads.classes.push_back(std::move(*bound));
  }
  return success();
}

Mask Pattern::bind(const Sizes &sizes) const {
  Binding binding;
  binding.extents = sizes.extents;
  binding.parameters = impl->given;
  binding.parameters.insert(binding.parameters.end(), sizes.parameters.begin(), sizes.parameters.end());
  binding.order = sizes.order;

  auto heads = std::make_shared<BoundHeads>();
  heads->pattern = impl;
  {
    std::lock_guard lock(impl->mutex);
    DiagnosticCapture diagnostics(&impl->context);
    FailureOr<SpecialisedPattern> specialised = specialisePattern(impl->pattern(), binding);
    if (failed(specialised))
      diagnostics.raise("cannot bind pattern '" + impl->name + "'");
    heads->specialised = std::move(*specialised);
    heads->parameters = describeParameters(impl->pattern(), heads->specialised.bound);
    if (failed(bindClasses(*heads)))
      diagnostics.raise("cannot bind pattern '" + impl->name + "'");
  }
  auto mask = std::make_shared<Mask::Impl>();
  mask->queries = mask->keys = {0, heads->specialised.bound.tokens};
  mask->bound = std::move(heads);
  return Mask(std::move(mask));
}

} // namespace falloff
