/* n1dec IN OUT: the decoder of n1enc's files. */
#include "container.h"

int main(int argc, char **argv) {
  static const char help[] =
      "n1dec IN OUT: restore what n1enc, or ./encode IN OUT n1, compressed. Files of other codecs need ./decode.\n"
      "\n"
      "Nothing is written unless every checksum holds. \"-\" is standard input or output.\n"
      "\n"
      "Example:\n"
      "  n1dec recording.n1c recording.wav\n";
  return n1c_main(argc, argv, "n1dec", help, n1c_unpack);
}
