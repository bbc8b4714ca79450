/* n1enc IN OUT: the codec n1 as a program of its own; or all of libn1c, with N1C_WHOLE. */
#include "container.h"

int main(int argc, char **argv) {
#ifdef N1C_WHOLE
  static const char help[] =
      "n1enc IN OUT: compress a WAV file without loss, with the codec n1, or n1_multi if it has several channels.\n"
      "n1dec or ./decode restores it.\n"
      "\n"
      "A canonical WAV file (a header of 44 bytes; 8, 16, 24 or 32 bits) of up to 256 MiB gives the bytes that\n"
      "./encode IN OUT n1, or n1_multi, gives. Any other file is stored as it is. \"-\" is standard input or output.\n"
      "\n"
      "Example:\n"
      "  n1enc recording.wav recording.n1c\n";
  return n1c_main(argc, argv, "n1enc", help, n1c_pack_whole);
#else
  static const char help[] =
      "n1enc IN OUT: compress a WAV file without loss, with the codec n1. n1dec or ./decode restores it.\n"
      "\n"
      "A canonical WAV file (a header of 44 bytes; 8, 16, 24 or 32 bits; any channels) gives the bytes that\n"
      "./encode IN OUT n1 gives. Any other file is stored as it is. \"-\" is standard input or output.\n"
      "\n"
      "Example:\n"
      "  n1enc recording.wav recording.n1c\n";
  return n1c_main(argc, argv, "n1enc", help, n1c_pack);
#endif
}
