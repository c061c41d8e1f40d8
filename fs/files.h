/*
 * files.h - the kernel's requests to open and read files.
 */
#ifndef SC_FILES_H
#define SC_FILES_H

#include "operations.h"

void sc_files_open(fuse_req_t request, fuse_ino_t id, struct fuse_file_info *file);
void sc_files_read(fuse_req_t request, fuse_ino_t id, size_t size, off_t offset, struct fuse_file_info *file);

#endif
