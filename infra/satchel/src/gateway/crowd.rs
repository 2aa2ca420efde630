//! How many requests of one client are under way, wherever they come through: behind a reverse proxy all clients share its
//! connections.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use satchel_listener::client_group;

use crate::proxies::Client;

/// The clients whose requests are under way. Clones share them.
#[derive(Debug, Clone)]
pub struct Crowd {
    most: usize,
    under_way: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    crowd: Crowd,
    client: Option<IpAddr>,
}

impl Crowd {
    /// One that lets each client have `most` requests under way.
    pub fn new(most: usize) -> Self {
        Self { most, under_way: Arc::default() }
    }

    /// Counts a request in, unless its client has too many. A client without an address is not counted.
    pub fn enter(&self, client: Client) -> Option<Turn> {
        let client = client_group(client.address());
        if let Some(client) = client {
            let mut under_way = self.under_way();
            let own = under_way.entry(client).or_default();
            if *own >= self.most {
                return None;
            }
            *own += 1;
        }
        Some(Turn { crowd: self.clone(), client })
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        let mut under_way = self.crowd.under_way();
        match under_way.get_mut(&client) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(under_way.remove(&client)),
        }
    }
}
