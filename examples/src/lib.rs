//! Programs that embed vmm; see the files beside this folder.
