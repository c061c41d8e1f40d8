/*
 * viewcodecpriv.h - what viewencode.c and viewdecode.c share.
 *
 *   object "View" v1 = product, access, flags, pixels, [mask], parts, texts, nodes
 *
 *   product   u64 first number, u64 last number, identity of the parts' names
 *   access    bool any, bool uniform, u32 uid, u32 gid, u32 mode, i64 newest
 *   flags     bool axis_differs, bool has_mask, identity of the history
 *   array     i32 ndim, i32 axis, i32 type, bool big_endian, ndim x { i64 length, i64 tile }, u32 nstorages,
 *             per storage: ndim x i64 tile, u64 offset, bool big_endian, String file, i32 coding, f32 scale, f32 zero,
 *             bool has_blank, i32 blank
 *   parts     u64 nparts, per part: bool blank, i64 channels, u32 pixels' storage, u32 mask's storage, then
 *             blank: u64 number, String name; else: u64 index in the product, identity
 *   texts     u64 nwarnings, per warning String; u64 ntruncated, when there are any String
 *   nodes     u32 nnodes, per node: String name, u32 parent, i32 kind, then
 *             bytes: u64 size, bytes; array: bool is_mask
 *   identity  2 x u64, i64 newest
 */
#ifndef SC_VIEWCODECPRIV_H
#define SC_VIEWCODECPRIV_H

#include "viewcodec.h"

#define SC_VIEWCODEC_TYPE "View"
/* Raised when this form changes, or what is made of the same parts with the same options. */
#define SC_VIEWCODEC_VERSION 1

/* Which parts there are and in which order. */
struct sc_identity sc_viewcodec_names(const struct sc_product *product);

#endif
