/* libn1c: kernels for lossless compression of neural recordings. All of its interface; each header stands alone, too. */
#ifndef N1C_H
#define N1C_H

#include "n1c/analysis.h"
#include "n1c/base.h"
#include "n1c/codec.h"
#include "n1c/events.h"
#include "n1c/file.h"
#include "n1c/multi.h"
#include "n1c/stream.h"
#include "n1c/train.h"

#endif
