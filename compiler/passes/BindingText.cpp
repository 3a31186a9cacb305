// SPDX-License-Identifier: Apache-2.0
//
// A binding as options of passes write it: "frames=21,patch=1560" and
// "decay=0.2;cuts=9,40;links=10,01".
#include "compiler/passes/Binding.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace falloff;
using mask::ParamAttr;
using mask::ParamKind;
using mask::PatternOp;

static llvm::Error fail(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

static llvm::SmallVector<llvm::StringRef> items(llvm::StringRef text, char separator) {
  llvm::SmallVector<llvm::StringRef> parts;
  text.split(parts, separator, /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (llvm::StringRef &part : parts)
    part = part.trim();
  return parts;
}

static llvm::Expected<double> parseNumber(llvm::StringRef name, llvm::StringRef text) {
  double number = 0;
  if (text.getAsDouble(number))
    return fail("expects a number for '" + name + "', but got '" + text + "'");
  return number;
}

static llvm::Expected<std::vector<double>> parseNumbers(llvm::StringRef name, llvm::StringRef text) {
  std::vector<double> numbers;
  for (llvm::StringRef item : items(text, ',')) {
    llvm::Expected<double> number = parseNumber(name, item);
    if (!number)
      return number.takeError();
    numbers.push_back(*number);
  }
  return numbers;
}

static llvm::Expected<ParameterValue> parseRelation(llvm::StringRef name, llvm::StringRef text) {
  std::vector<std::vector<bool>> rows;
  for (llvm::StringRef item : items(text, ',')) {
    std::vector<bool> &row = rows.emplace_back();
    for (char bit : item) {
      if (bit != '0' && bit != '1')
        return fail("expects rows of 0 and 1 for '" + name + "', but got '" + item + "'");
      row.push_back(bit == '1');
    }
  }
  return ParameterValue(rows);
}

/// A value of the kind that `param` is; with commas, one value a head.
static llvm::Expected<ParameterValue> parseValue(ParamAttr param, llvm::StringRef text) {
  llvm::StringRef name = param.getName().getValue();
  if (param.getKind() == ParamKind::Relation)
    return parseRelation(name, text);
  bool isList = text.contains(',');
  if (param.getKind() == ParamKind::Choice) {
    if (!isList)
      return ParameterValue(text.str());
    std::vector<std::string> words;
    for (llvm::StringRef item : items(text, ','))
      words.push_back(item.str());
    return ParameterValue(words);
  }
  if (param.getKind() != ParamKind::Table && !isList) {
    llvm::Expected<double> number = parseNumber(name, text);
    if (!number)
      return number.takeError();
    return ParameterValue(*number);
  }
  llvm::Expected<std::vector<double>> numbers = parseNumbers(name, text);
  if (!numbers)
    return numbers.takeError();
  return ParameterValue(std::move(*numbers));
}

llvm::Expected<Binding> falloff::parseBinding(PatternOp pattern, llvm::StringRef extents, llvm::StringRef values,
                                              llvm::StringRef order) {
  Binding binding;
  for (llvm::StringRef item : items(extents, ',')) {
    auto [name, text] = item.split('=');
    int64_t extent = 0;
    if (text.getAsInteger(10, extent))
      return fail("expects a whole number for '" + name + "', but got '" + text + "'");
    binding.extents.push_back({name.str(), extent});
  }
  for (llvm::StringRef item : items(values, ';')) {
    auto [name, text] = item.split('=');
    std::optional<unsigned> index = pattern.lookupParam(name);
    if (!index) {
      // Left to the binding, which knows what to suggest.
      binding.parameters.push_back({name.str(), text.str()});
      continue;
    }
    llvm::Expected<ParameterValue> value = parseValue(pattern.getParam(*index), text);
    if (!value)
      return value.takeError();
    binding.parameters.push_back({name.str(), std::move(*value)});
  }
  for (llvm::StringRef name : items(order, ','))
    binding.order.push_back(name.str());
  return binding;
}
