//! template.yaml and the code say the same: functions, variables, routes, limits.

mod api;
mod functions;
mod resources;
mod variables;
