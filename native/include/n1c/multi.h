/* The codec n1_multi (docs/multi.md): recordings of many channels. n1c/base.h has the rules that hold for all headers. */
#ifndef N1C_MULTI_H
#define N1C_MULTI_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch memory of n1c_multi_fit().
 *
 * @param frames    samples of each channel, 1 or more.
 * @param channels  1 to 2^20.
 * @return          bytes, or N1C_E_ARGUMENT. */
N1C_API int64_t n1c_multi_fit_work_size(int64_t frames, int64_t channels);

/* Fit a model: what the channels of a recording tell of each other, and how wide the codes of their converters are.
 *
 * @param x           n samples, frame by frame: x[frame * channels + channel].
 * @param n           frames * channels.
 * @param converters  for each channel the number of the converter that sampled it; those of one converter share the
 *                    widths of its codes.
 * @param channels    their number, 1 to 2^20.
 * @param work        scratch memory.
 * @param work_size   n1c_multi_fit_work_size(frames, channels) or more, else N1C_E_CAPACITY.
 * @param out         the model.
 * @param capacity    its size at most, else N1C_E_CAPACITY; 2n + 64 * channels + 1024 will do.
 * @param preset      0 for the smallest files, 1 for the greatest speed, 2 for packets (n1c/stream.h).
 * @param simd        1 or 0.
 * @return            the length of the model. */
N1C_API int64_t n1c_multi_fit(const int16_t *x, int64_t n, const int32_t *converters, int64_t channels, void *work,
                              int64_t work_size, uint8_t *out, int64_t capacity, int64_t preset, int64_t simd);

/* Scratch memory of n1c_multi_encode() and n1c_multi_decode().
 *
 * @param model         a model; if it is none N1C_E_ARGUMENT for the encoder, N1C_E_CORRUPT for the decoder.
 * @param model_length  its bytes.
 * @param frames        samples of each channel, 1 to 2^31.
 * @return              bytes. */
N1C_API int64_t n1c_multi_encode_work_size(const uint8_t *model, int64_t model_length, int64_t frames);
N1C_API int64_t n1c_multi_decode_work_size(const uint8_t *model, int64_t model_length, int64_t frames);

/* Encode a chunk of all channels of a model.
 *
 * @param x             n samples, frame by frame.
 * @param n             frames times the channels of the model, else N1C_E_ARGUMENT.
 * @param model         what n1c_multi_fit() wrote; N1C_E_ARGUMENT if it is no model.
 * @param model_length  its bytes.
 * @param frames        samples of each channel, 1 to 2^31.
 * @param work          scratch memory.
 * @param work_size     n1c_multi_encode_work_size() or more, else N1C_E_CAPACITY.
 * @param out           the payload.
 * @param capacity      2n + 1 or more, else N1C_E_CAPACITY.
 * @param simd          1 or 0.
 * @return              the length of the payload. */
N1C_API int64_t n1c_multi_encode(const int16_t *x, int64_t n, const uint8_t *model, int64_t model_length,
                                 int64_t frames, void *work, int64_t work_size, uint8_t *out, int64_t capacity,
                                 int64_t simd);

/* Undo n1c_multi_encode().
 *
 * @param in            a payload.
 * @param length        its bytes.
 * @param model         the model that it was made with; N1C_E_CORRUPT if it is no model, or one of other channels.
 * @param model_length  its bytes.
 * @param frames        samples of each channel, 1 to 2^31.
 * @param work          scratch memory.
 * @param work_size     n1c_multi_decode_work_size() or more, else N1C_E_CAPACITY.
 * @param x             the samples, frame by frame.
 * @param n             frames times the channels of the model.
 * @param simd          1 or 0.
 * @return              n, or N1C_E_CORRUPT. */
N1C_API int64_t n1c_multi_decode(const uint8_t *in, int64_t length, const uint8_t *model, int64_t model_length,
                                 int64_t frames, void *work, int64_t work_size, int16_t *x, int64_t n, int64_t simd);

#ifdef __cplusplus
}
#endif
#endif
