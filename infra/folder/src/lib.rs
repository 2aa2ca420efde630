//! A store of objects in one folder.
