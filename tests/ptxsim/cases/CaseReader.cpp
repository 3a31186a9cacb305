// SPDX-License-Identifier: Apache-2.0
//
// Case files to cases.
#include "tests/ptxsim/Numbers.h"
#include "tests/ptxsim/cases/Case.h"
#include "tests/ptxsim/cases/Expression.h"
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ptxsim {

/// Bytes of a register of this type; 4 for a predicate, which travels as 0 or 1.
int columnBytes(const std::string &type) {
  if (type == "pred")
    return 4;
  static const char *const known[] = {"b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"};
  if (std::find(std::begin(known), std::end(known), type) == std::end(known))
    throw std::runtime_error("expects a type of a register, but got '" + type + "'");
  return std::atoi(type.c_str() + 1) / 8;
}

namespace {

uint64_t cutTo(const std::string &type, uint64_t bits) {
  int bytes = columnBytes(type);
  return bytes == 8 ? bits : bits & ((uint64_t(1) << 8 * bytes) - 1);
}

/// `0f3f800000`, `0d...`, inf, nan, a decimal or a hexadecimal float; for other types an integer.
std::optional<uint64_t> readValue(const std::string &type, const std::string &text) {
  if (text == "*")
    return std::nullopt;
  char *end = nullptr;
  uint64_t bits = 0;
  bool single = type == "f32";
  if ((single || type == "f64") && text.compare(0, 2, single ? "0f" : "0d") == 0) {
    bits = std::strtoull(text.c_str() + 2, &end, 16);
  } else if (single && text == "nan") {
    return f32Format.nan; // what every instruction of single precision answers
  } else if (single) {
    bits = asBits(std::strtof(text.c_str(), &end));
  } else if (type == "f64") {
    bits = asBits(std::strtod(text.c_str(), &end));
  } else {
    bits = text[0] == '-' ? uint64_t(std::strtoll(text.c_str(), &end, 0)) : std::strtoull(text.c_str(), &end, 0);
    uint64_t cut = cutTo(type, bits);
    if (cut != bits && (text[0] != '-' || bits < ~cut >> 1))
      throw std::runtime_error("expects a value of ." + type + ", but got '" + text + "'");
  }
  if (!end || *end)
    throw std::runtime_error("expects a value of ." + type + ", but got '" + text + "'");
  return cutTo(type, bits);
}

std::vector<std::string> split(const std::string &text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;)
    words.push_back(word);
  return words;
}

class Reader {
public:
  Reader(const std::string &file, const std::string &text) : file(file), stream(text) {}

  std::vector<Case> read() {
    for (std::string text; std::getline(stream, text);) {
      ++line;
      inPlace([&] { readLine(text); });
    }
    inPlace([&] { finish(); });
    return std::move(cases);
  }

private:
  struct Definition {
    std::string name, expression;
    bool column;
  };

  template <typename Body>
  void inPlace(Body body) const {
    try {
      body();
    } catch (const std::runtime_error &error) {
      throw std::runtime_error(file + ":" + std::to_string(line) + ": " + error.what());
    }
  }

  void readLine(const std::string &text) {
    size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string::npos || text[begin] == '#')
      return;
    std::string word = text.substr(begin, text.find_first_of(" \t", begin) - begin);
    size_t next = text.find_first_not_of(" \t", begin + word.size());
    std::string rest = next == std::string::npos ? "" : text.substr(next);
    if (word == "case") {
      finish();
      open = true;
      current = Case();
      current.file = file, current.name = rest, current.line = line;
      return;
    }
    if (!open)
      throw std::runtime_error("expects 'case' first, but got '" + word + "'");
    if (!readSetting(word, rest))
      rows.push_back(text.substr(begin));
  }

  bool readSetting(const std::string &word, const std::string &rest) {
    if (word == "code") {
      current.code += "  " + rest + "\n";
    } else if (word == "module") {
      current.module += rest + "\n";
    } else if (word == "in" || word == "out") {
      for (const std::string &column : split(rest))
        addColumn(word == "in" ? current.inputs : current.outputs, column);
    } else if (word == "let" || word == "each") {
      size_t equals = rest.find('=');
      std::vector<std::string> name = split(rest.substr(0, equals));
      if (equals == std::string::npos || name.size() != 1)
        throw std::runtime_error("expects '" + word + " name = expression', but got '" + rest + "'");
      definitions.push_back({name[0], rest.substr(equals + 1), word == "each"});
    } else if (word == "within") {
      if (rest.compare(0, 2, "2^") != 0)
        throw std::runtime_error("expects 'within 2^<exponent>', but got '" + rest + "'");
      current.tolerance = std::ldexp(1.0, std::atoi(rest.c_str() + 2));
    } else if (word == "fault") {
      current.fault = rest;
    } else if (word == "threads" || word == "shared" || word == "memory" || word == "needs") {
      int &number = word == "threads"  ? current.threads
                    : word == "shared" ? current.sharedBytes
                    : word == "memory" ? current.memoryBytes
                                       : current.architecture;
      number = int(evaluate(rest, {}));
    } else {
      return false;
    }
    return true;
  }

  static void addColumn(std::vector<Column> &columns, const std::string &text) {
    size_t colon = text.find(':');
    if (colon == std::string::npos)
      throw std::runtime_error("expects name:type, but got '" + text + "'");
    columns.push_back({text.substr(0, colon), text.substr(colon + 1), {}});
    columnBytes(columns.back().type);
  }

  Column &column(const std::string &name) {
    for (std::vector<Column> *columns : {&current.inputs, &current.outputs})
      for (Column &found : *columns)
        if (found.name == name)
          return found;
    throw std::runtime_error("expects a column of 'in' or 'out', but got '" + name + "'");
  }

  void finish() {
    if (!open)
      return;
    open = false;
    current.threads = std::max(current.threads, int(rows.size() + 31) / 32 * 32);
    fromDefinitions();
    fromRows();
    if (current.outputs.empty() && current.fault.empty())
      throw std::runtime_error("expects a case with 'out' or 'fault', but '" + current.name + "' has neither");
    for (std::vector<Column> *columns : {&current.inputs, &current.outputs})
      for (const Column &each : *columns)
        if (each.values.empty() && current.fault.empty())
          throw std::runtime_error("expects values of '" + each.name + "', but got none");
    cases.push_back(std::move(current));
    definitions.clear(), rows.clear();
  }

  void fromDefinitions() {
    for (int thread = 0; thread < current.threads; ++thread) {
      Names names = {{"t", thread}, {"l", thread % 32}, {"w", thread / 32}};
      for (const Definition &definition : definitions) {
        int64_t value = evaluate(definition.expression, names);
        names[definition.name] = value;
        if (definition.column) {
          Column &to = column(definition.name);
          to.values.push_back(cutTo(to.type, uint64_t(value)));
        }
      }
    }
  }

  /// A row holds what the definitions leave; rows are dealt to the threads in turn.
  void fromRows() {
    std::vector<Column *> inputs, outputs;
    for (Column &each : current.inputs)
      if (each.values.empty())
        inputs.push_back(&each);
    for (Column &each : current.outputs)
      if (each.values.empty())
        outputs.push_back(&each);
    for (int thread = 0; thread < current.threads && !rows.empty(); ++thread) {
      const std::string &row = rows[size_t(thread) % rows.size()];
      std::vector<std::string> words = split(row);
      bool arrow = words.size() == inputs.size() + outputs.size() + 1 && words[inputs.size()] == "->";
      if (!arrow)
        throw std::runtime_error("expects " + std::to_string(inputs.size()) + " values, '->' and " +
                                 std::to_string(outputs.size()) + ", but got '" + row + "'");
      for (size_t i = 0; i < inputs.size(); ++i)
        inputs[i]->values.push_back(readValue(inputs[i]->type, words[i]));
      for (size_t i = 0; i < outputs.size(); ++i)
        outputs[i]->values.push_back(readValue(outputs[i]->type, words[inputs.size() + 1 + i]));
    }
  }

  std::string file;
  std::istringstream stream;
  int line = 0;
  bool open = false;
  Case current;
  std::vector<Definition> definitions;
  std::vector<std::string> rows;
  std::vector<Case> cases;
};

} // namespace

std::vector<Case> readCases(const std::string &name, const std::string &text) { return Reader(name, text).read(); }

std::vector<Case> readCaseFolder(const std::string &folder) {
  std::vector<std::filesystem::path> files;
  for (const auto &entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".case")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Case> all;
  for (const auto &path : files) {
    std::ifstream stream(path);
    std::stringstream text;
    text << stream.rdbuf();
    std::vector<Case> cases = readCases(path.stem().string(), text.str());
    std::move(cases.begin(), cases.end(), std::back_inserter(all));
  }
  return all;
}

} // namespace ptxsim
