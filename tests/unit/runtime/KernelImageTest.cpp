// SPDX-License-Identifier: Apache-2.0
//
// Images are read as they were written; bytes that are anything else are refused.
#include "runtime/cuda/KernelImage.h"
#include "gtest/gtest.h"

using namespace falloff::cuda;

namespace {

KernelImage smallImage() {
  KernelImage image;
  image.shape = {Element::F16, Arithmetic::Int8Fp8, false, 128, 64, 96, 160, 256, 3, 2, 98304};
  image.architecture = 89;
  image.isPtx = true;
  image.code = std::string("code\0with zeros", 15);
  return image;
}

TEST(KernelImage, IsReadAsWritten) {
  KernelImage image = smallImage();
  std::optional<KernelImage> read = readImage(writeImage(image));
  ASSERT_TRUE(read);
  EXPECT_EQ(writeImage(*read), writeImage(image));
  EXPECT_EQ(read->code, image.code);
  EXPECT_EQ(read->architecture, 89);
  EXPECT_TRUE(read->isPtx);
  EXPECT_EQ(read->shape.element, Element::F16);
  EXPECT_EQ(read->shape.arithmetic, Arithmetic::Int8Fp8);
  EXPECT_FALSE(read->shape.aligned);
  EXPECT_EQ(read->shape.queryBlock, 128);
  EXPECT_EQ(read->shape.keyBlock, 64);
  EXPECT_EQ(read->shape.headDim, 96);
  EXPECT_EQ(read->shape.valueDim, 160);
  EXPECT_EQ(read->shape.threads, 256);
  EXPECT_EQ(read->shape.stages, 3);
  EXPECT_EQ(read->shape.residentBlocks, 2);
  EXPECT_EQ(read->shape.sharedBytes, 98304);
}

TEST(KernelImage, OtherBytesAreRefused) {
  std::string bytes = writeImage(smallImage());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(readImage(bytes.substr(0, size))) << size;
  EXPECT_FALSE(readImage(bytes + std::string(8, '\0')));
  for (size_t number : {0, 1, 2, 3, 13}) { // version, element, arithmetic, aligned, isPtx
    std::string changed = bytes;
    changed[8 * number] = 9;
    EXPECT_FALSE(readImage(changed)) << number;
  }
  for (size_t number = 4; number < 13; ++number) {
    std::string changed = bytes;
    changed[8 * number + 7] = char(0x80); // below 0
    EXPECT_FALSE(readImage(changed)) << number;
  }
}

TEST(KernelImage, SaysWhatItIs) {
  EXPECT_EQ(describe(smallImage().shape), "attention of fp16, int8-fp8, D 96 and 160, any strides");
  KernelShape plain;
  plain.headDim = plain.valueDim = 128;
  EXPECT_EQ(describe(plain), "attention of bf16, D 128");
}

} // namespace
