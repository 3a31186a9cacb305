// SPDX-License-Identifier: Apache-2.0
//
// For tests: parameters from values, vectors to a device and back.
#ifndef FALLOFF_TESTS_PTXSIM_RUN_H
#define FALLOFF_TESTS_PTXSIM_RUN_H

#include "tests/ptxsim/Simulator.h"

#include <cstring>
#include <string>
#include <vector>

namespace ptxsim {

/// The values one after the other, each aligned to its size, as a kernel's .param list of scalars lies.
template <class... T>
std::vector<uint8_t> parameters(T... values) {
  std::vector<uint8_t> bytes;
  auto append = [&](auto value) {
    size_t at = (bytes.size() + sizeof value - 1) / sizeof value * sizeof value;
    bytes.resize(at + sizeof value);
    std::memcpy(bytes.data() + at, &value, sizeof value);
  };
  (append(values), ...);
  return bytes;
}

template <class T>
uint64_t upload(Device &device, const std::vector<T> &values) {
  uint64_t address = device.allocate(values.size() * sizeof(T));
  device.write(address, values.data(), values.size() * sizeof(T));
  return address;
}

template <class T>
std::vector<T> download(const Device &device, uint64_t address, size_t count) {
  std::vector<T> values(count);
  device.read(address, values.data(), count * sizeof(T));
  return values;
}

/// A module of one kernel `k` with the given parameters and body.
inline std::string kernelText(const std::string &parameters, const std::string &body) {
  return ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k(" + parameters + ")\n{\n" + body + "\n}\n";
}

/// The message of the Fault that `function` ends in, or nothing; `kind` gets its kind.
template <class F>
std::string faultOf(F function, FaultKind *kind = nullptr) {
  try {
    function();
  } catch (const Fault &fault) {
    if (kind)
      *kind = fault.kind;
    return fault.what();
  }
  return "";
}

/// What a small kernel did.
struct Outcome {
  std::vector<uint32_t> out; ///< a word of each thread
  Counts counts;
  FaultKind kind{};
  std::string fault; ///< empty: none
};

/// Runs one CTA of `body`, which may use %p, %rs, %r, %rd, %f, %fd with numbers below 64. %r0 is the thread, %r60 is
/// what it leaves (0 at first), %r61 the address of 4096 bytes of shared memory, uninitialised, and %rd60 that of 1024
/// bytes of global memory, whose word i holds i.
inline Outcome runBody(const std::string &body, uint32_t threads = 32, uint32_t ctas = 1) {
  std::string text = ".reg .pred %p<64>; .reg .b16 %rs<64>; .reg .b32 %r<64>; .reg .b64 %rd<64>; .reg .f32 %f<64>;\n"
                     ".reg .f64 %fd<64>; .shared .align 16 .b8 tile[4096];\n"
                     "mov.u32 %r0, %tid.x; mov.u32 %r60, 0; mov.u32 %r61, tile; ld.param.u64 %rd60, [words];\n" +
                     body +
                     "\nEND: mov.u32 %r62, %ctaid.x; mov.u32 %r63, %ntid.x; mad.lo.u32 %r62, %r62, %r63, %r0;\n"
                     "ld.param.u64 %rd62, [out]; mad.wide.u32 %rd62, %r62, 4, %rd62; st.global.u32 [%rd62], %r60; ret;";
  std::vector<uint32_t> words(256);
  for (uint32_t i = 0; i < words.size(); ++i)
    words[i] = i;
  Outcome outcome;
  outcome.fault = faultOf(
      [&] {
        Module module = Module::parse(kernelText(".param .u64 out, .param .u64 words", text));
        Device device;
        uint64_t in = upload(device, words), out = device.allocate(4ull * threads * ctas);
        Launch launch;
        launch.kernel = "k";
        launch.grid = {ctas, 1, 1};
        launch.block = {threads, 1, 1};
        launch.parameters = parameters(out, in);
        launch.options.maxWarpInstructions = 100'000;
        outcome.counts = run(device, module, launch);
        outcome.out = download<uint32_t>(device, out, threads * ctas);
      },
      &outcome.kind);
  return outcome;
}

} // namespace ptxsim

/// A statement whose body has to end in a fault of a kind, with a message that holds some words.
#define EXPECT_FAULT(outcome, expected, words)                                                                         \
  do {                                                                                                                 \
    const ptxsim::Outcome &got = (outcome);                                                                            \
    ASSERT_FALSE(got.fault.empty()) << "no fault";                                                                     \
    EXPECT_STREQ(ptxsim::name(got.kind), ptxsim::name(ptxsim::FaultKind::expected)) << got.fault;                      \
    EXPECT_NE(got.fault.find(words), std::string::npos) << got.fault;                                                  \
  } while (false)

#endif
