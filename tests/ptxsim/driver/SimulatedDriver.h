// SPDX-License-Identifier: Apache-2.0
//
// A libcuda.so.1 over the simulator: what a program asks of the CUDA driver, answered without a device. It is loaded
// before Falloff looks for a driver, which then finds it among the libraries of the process. README.md says how.
//
// What a test asks of it besides is declared here. All functions of the driver that it has are those of cuda.h, by the
// names that a real one exports.
#ifndef FALLOFF_TESTS_PTXSIM_DRIVER_SIMULATEDDRIVER_H
#define FALLOFF_TESTS_PTXSIM_DRIVER_SIMULATEDDRIVER_H

#include <cstddef>
#include <cstdint>

extern "C" {

/// The message of the last fault: what happened, the instruction, the CTA, the lane, the address. Empty: there was
/// none. Valid until the next call of any function of this library.
const char *ptxsimLastFault();

/// Forgets the last fault, so that its context works again, and all counts. Allocations stay.
void ptxsimReset();

/// What ran since the last reset, as JSON, an entry for each kernel of each module: [{"kernel": "falloff_attention",
/// "launches": 1, "ctas": n, "total": {...}, "mainLoop": {...}}, ...], where both are {"lines": [first, last],
/// "instructions": n, "conflicts": n, "wavefronts": n, "sharedBytes": n, "globalBytes": n, "localBytes": n,
/// "kinds": {"mma": n, ...}, "matrix": {shape: n}}. Valid as ptxsimLastFault.
const char *ptxsimCounts();

/// Bytes of a device that nobody wrote become `unwritten`, where cuMemcpyDtoH refuses them. 0, or a CUresult.
int ptxsimReadAny(void *to, uint64_t from, size_t bytes, uint8_t unwritten);

/// Makes bytes unwritten again: a kernel has to write those it is to fill, and may not read them before. 0, or a
/// CUresult.
int ptxsimForget(uint64_t address, size_t bytes);

/// Allocations of all devices that are not freed.
int64_t ptxsimAllocations();
}

#endif
