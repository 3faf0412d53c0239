//! Owns the HTTP surface: routes, socket, access, assets, errors. The only room that knows axum.
//! Must not know how runs are executed.
