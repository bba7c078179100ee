//! The parts of the backend, a file for each trait that it implements.

mod adoption;
mod console;
mod definition;
mod domain;
mod inventory;
mod network;
mod volume;
