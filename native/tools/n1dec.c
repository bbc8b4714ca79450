/* n1dec IN OUT: the decoder of n1enc's files; or of every codec of libn1c, with N1C_WHOLE. */
#include "container.h"

int main(int argc, char **argv) {
#ifdef N1C_WHOLE
  static const char help[] =
      "n1dec IN OUT: restore what n1enc, or ./encode IN OUT, compressed, if the file is one chunk of a codec of libn1c.\n"
      "Others need ./decode.\n"
      "\n"
      "Nothing is written unless every checksum holds. \"-\" is standard input or output.\n"
      "\n"
      "Example:\n"
      "  n1dec recording.n1c recording.wav\n";
  return n1c_main(argc, argv, "n1dec", help, n1c_unpack_whole);
#else
  static const char help[] =
      "n1dec IN OUT: restore what n1enc, or ./encode IN OUT n1, compressed. Files of other codecs need ./decode.\n"
      "\n"
      "Nothing is written unless every checksum holds. \"-\" is standard input or output.\n"
      "\n"
      "Example:\n"
      "  n1dec recording.n1c recording.wav\n";
  return n1c_main(argc, argv, "n1dec", help, n1c_unpack);
#endif
}
