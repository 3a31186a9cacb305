// SPDX-License-Identifier: Apache-2.0
//
// The layout of an image's bytes: numbers of 8 bytes (runtime/Bytes.h), the version first, the code last.
#include "runtime/cuda/KernelImage.h"
#include "runtime/Bytes.h"

namespace falloff::cuda {

constexpr int64_t imageVersion = 2; // another whenever AttentionArguments is

std::string writeImage(const KernelImage &image) {
  const KernelShape &shape = image.shape;
  runtime::ByteWriter writer;
  for (int64_t number : {imageVersion, int64_t(shape.element), int64_t(shape.arithmetic), int64_t(shape.aligned)})
    writer.number(number);
  for (int32_t number : {shape.queryBlock, shape.keyBlock, shape.headDim, shape.valueDim, shape.threads, shape.stages,
                         shape.residentBlocks, shape.sharedBytes, image.architecture, int32_t(image.isPtx)})
    writer.number(int64_t(number));
  writer.text(image.code);
  return std::move(writer.bytes);
}

std::optional<KernelImage> readImage(std::string_view bytes) {
  runtime::ByteReader reader(bytes);
  KernelImage image;
  KernelShape &shape = image.shape;
  int64_t version = reader.number<int64_t>(), element = reader.number<int64_t>(), arithmetic = reader.number<int64_t>();
  int64_t aligned = reader.number<int64_t>(), isPtx = 0;
  for (int32_t *number : {&shape.queryBlock, &shape.keyBlock, &shape.headDim, &shape.valueDim, &shape.threads,
                          &shape.stages, &shape.residentBlocks, &shape.sharedBytes, &image.architecture}) {
    int64_t wide = reader.number<int64_t>();
    *number = int32_t(wide);
    if (*number != wide || wide < 0)
      return std::nullopt;
  }
  isPtx = reader.number<int64_t>();
  image.code = reader.text();
  auto upTo = [](int64_t value, int64_t last) { return value >= 0 && value <= last; };
  if (reader.failed || !reader.isAtEnd() || version != imageVersion || !upTo(element, int64_t(Element::F16)) ||
      !upTo(arithmetic, int64_t(Arithmetic::Int8Fp8)) || !upTo(aligned, 1) || !upTo(isPtx, 1) || image.code.empty())
    return std::nullopt;
  shape.element = Element(element);
  shape.arithmetic = Arithmetic(arithmetic);
  shape.aligned = aligned != 0;
  image.isPtx = isPtx != 0;
  return image;
}

std::string describe(const KernelShape &shape) {
  std::string text = shape.element == Element::BF16 ? "attention of bf16" : "attention of fp16";
  if (shape.arithmetic != Arithmetic::Plain)
    text += shape.arithmetic == Arithmetic::Int8 ? ", int8" : ", int8-fp8";
  text += ", D " + std::to_string(shape.headDim);
  if (shape.valueDim != shape.headDim)
    text += " and " + std::to_string(shape.valueDim);
  return text + (shape.aligned ? "" : ", any strides");
}

} // namespace falloff::cuda
