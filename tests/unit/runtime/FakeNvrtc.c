// SPDX-License-Identifier: Apache-2.0
//
// A library that answers for its version as NVRTC does, and has nothing else.
int nvrtcVersion(int *major, int *minor) {
  *major = FAKE_MAJOR;
  *minor = FAKE_MINOR;
  return 0;
}
