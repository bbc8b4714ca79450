/* The model of the codec n1_max for machines with AVX2. */
#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#  define NAME(x) x##_avx2
#  define TARGET __attribute__((target("avx2")))
#  include "n1_max_kernel.h"
#endif
