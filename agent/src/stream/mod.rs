//! Owns the way from response bytes to token arrivals; pure, takes time as a parameter.
//! Must not know sockets, plans or statistics.
