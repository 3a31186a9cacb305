// SPDX-License-Identifier: Apache-2.0
//
// The author's names of sets and numbers, from text to locations and back to text.
#include "compiler/dialect/mask/Assembly.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace falloff::mask {

/// Carries names from the parser of an op to that of its pattern; a directive cannot set a location itself.
static constexpr StringLiteral namesAttr = "mask.names";

ParseResult parseAttributes(OpAsmParser &parser, NamedAttrList &attributes) {
  if (parser.parseOptionalAttrDict(attributes))
    return failure();
  std::string names;
  for (size_t i = 0; i < parser.getNumResults(); ++i) {
    StringRef name = parser.getResultName(i).first;
    if (name.empty() || llvm::isDigit(name.front()))
      return success();
    names += (i ? ", " : "") + name.str();
  }
  if (!names.empty())
    attributes.set(namesAttr, parser.getBuilder().getStringAttr(names));
  return success();
}

void printAttributes(OpAsmPrinter &printer, Operation *op, DictionaryAttr) {
  printer.printOptionalAttrDict(op->getDiscardableAttrDictionary().getValue());
}

void keepNames(Region &body) {
  for (Operation &op : body.getOps()) {
    auto names = dyn_cast_or_null<StringAttr>(op.removeDiscardableAttr(namesAttr));
    // A location that the text gives in full holds names already.
    if (names && isa<FileLineColLoc>(op.getLoc()))
      op.setLoc(NameLoc::get(names, op.getLoc()));
  }
}

StringRef authorsName(Operation *op, unsigned index) {
  auto loc = dyn_cast<NameLoc>(op->getLoc());
  if (!loc)
    return {};
  StringRef rest = loc.getName().getValue(), name;
  for (unsigned i = 0; i <= index; ++i)
    std::tie(name, rest) = rest.split(", ");
  return name;
}

void nameResults(Operation *op, OpAsmSetValueNameFn setName, ArrayRef<StringRef> fallback) {
  for (OpResult result : op->getResults()) {
    unsigned index = result.getResultNumber();
    StringRef name = authorsName(op, index);
    if (name.empty())
      name = index < fallback.size() ? fallback[index] : op->getName().stripDialect();
    setName(result, name);
  }
}

} // namespace falloff::mask
