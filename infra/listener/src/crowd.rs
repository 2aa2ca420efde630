//! Who is connected: how many at a time, how many of one client, and who has to make room. Whoever has not sent a
//! request yet, or has none under way, gives way to whoever comes: connections that do nothing stop nobody.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::address::Peer;

/// How long a connection is kept after an answer, whoever wants its place: the answer has left by then.
const FAREWELL: Duration = Duration::from_secs(1);
/// Of an IPv6 address, what tells one client from the next: its network (RFC 6177).
const NETWORK: u128 = !0 << 64;

/// How many connections a listener has at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// All of them. Further ones wait in the system's queue.
    pub connections: usize,
    /// Those of one address, of one /64 network with IPv6.
    pub of_one_client: usize,
}

impl Default for Room {
    /// 1,024, and 256.
    fn default() -> Self {
        Self { connections: 1_024, of_one_client: 256 }
    }
}

/// What one client is known by; `None` for a process of this machine.
#[must_use]
pub fn client_group(address: Option<IpAddr>) -> Option<IpAddr> {
    address.map(|address| match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address @ IpAddr::V4(_) => address,
    })
}

/// All connections of a listener.
#[derive(Debug)]
pub(crate) struct Crowd {
    room: Room,
    members: Mutex<Members>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Members {
    next: u64,
    /// By arrival.
    all: BTreeMap<u64, Member>,
}

#[derive(Debug)]
struct Member {
    /// `None` where it speaks for others.
    client: Option<IpAddr>,
    doing: Doing,
    leave: Arc<Notify>,
}

#[derive(Debug, Clone, Copy)]
enum Doing {
    /// It has sent no request yet.
    Arriving,
    /// A request is under way, or its answer.
    Busy,
    /// It has had an answer.
    Idle(Instant),
}

impl Member {
    fn gives_way(&self) -> bool {
        match self.doing {
            Doing::Arriving => true,
            Doing::Busy => false,
            Doing::Idle(since) => since.elapsed() >= FAREWELL,
        }
    }
}

impl Crowd {
    pub fn new(room: Room) -> Self {
        Self { room, members: Mutex::default(), changed: Notify::new() }
    }

    /// Returns once there is room for one more; somebody may have been sent away for it.
    pub async fn has_room(&self) {
        loop {
            let changed = self.changed.notified();
            if self.makes_room() {
                return;
            }
            // Who is idle gives way with time, and with no event.
            let _ = timeout(FAREWELL, changed).await;
        }
    }

    fn makes_room(&self) -> bool {
        let mut members = self.members();
        members.all.len() < self.room.connections || members.send_away()
    }

    /// A place for a connection of `peer`; none where its client has as many as it may and all are busy. One that
    /// speaks `for_others` has as many as there are.
    pub fn enter(self: &Arc<Self>, peer: Peer, for_others: bool) -> Option<Place> {
        let client = match peer {
            Peer::Ip(address) if !for_others => client_group(Some(address)),
            _ => None,
        };
        let mut members = self.members();
        let of_client = members.all.values().filter(|member| client.is_some() && member.client == client).count();
        if of_client >= self.room.of_one_client && !members.send_away_of(client) {
            return None;
        }
        let (id, leave) = (members.next, Arc::new(Notify::new()));
        members.next += 1;
        members.all.insert(id, Member { client, doing: Doing::Arriving, leave: Arc::clone(&leave) });
        Some(Place { id, leave, crowd: Arc::clone(self) })
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    /// Of the client with the most connections, the one that has waited longest.
    fn send_away(&mut self) -> bool {
        let mut counts = HashMap::new();
        for client in self.all.values().filter_map(|member| member.client) {
            *counts.entry(client).or_insert(0_usize) += 1;
        }
        let crowding = |member: &Member| member.client.and_then(|client| counts.get(&client)).copied().unwrap_or(1);
        let waiting = self.all.iter().rev().filter(|(_, member)| member.gives_way());
        let chosen = waiting.max_by_key(|(_, member)| crowding(member)).map(|(id, _)| *id);
        self.dismiss(chosen)
    }

    fn send_away_of(&mut self, client: Option<IpAddr>) -> bool {
        let mut own = self.all.iter().filter(|(_, member)| member.client == client);
        let chosen = own.find(|(_, member)| member.gives_way()).map(|(id, _)| *id);
        self.dismiss(chosen)
    }

    fn dismiss(&mut self, id: Option<u64>) -> bool {
        let dismissed = id.and_then(|id| self.all.remove(&id));
        dismissed.inspect(|member| member.leave.notify_one()).is_some()
    }
}

/// A connection's place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    id: u64,
    leave: Arc<Notify>,
    crowd: Arc<Crowd>,
}

impl Place {
    /// Returns once somebody else needs it.
    pub async fn is_needed(&self) {
        self.leave.notified().await;
    }

    /// A request is under way until the value is dropped.
    pub fn work(self: &Arc<Self>) -> Work {
        self.set(Doing::Busy);
        Work(Arc::clone(self))
    }

    fn set(&self, doing: Doing) {
        if let Some(member) = self.crowd.members().all.get_mut(&self.id) {
            member.doing = doing;
        }
        self.crowd.changed.notify_one();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.members().all.remove(&self.id);
        self.crowd.changed.notify_one();
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Work(Arc<Place>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.set(Doing::Idle(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(connections: usize, of_one_client: usize) -> Arc<Crowd> {
        Arc::new(Crowd::new(Room { connections, of_one_client }))
    }

    fn enter(crowd: &Arc<Crowd>, address: &str) -> Option<Arc<Place>> {
        crowd.enter(Peer::Ip(address.parse().unwrap()), false).map(Arc::new)
    }

    fn is_there(place: &Place) -> bool {
        place.crowd.members().all.contains_key(&place.id)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_with_too_many_loses_its_idlest_connection_and_never_a_busy_one() {
        let crowd = crowd(10, 2);
        let [first, second] = [(); 2].map(|()| enter(&crowd, "192.0.2.1").unwrap());
        let busy = first.work();
        let third = enter(&crowd, "192.0.2.1").unwrap();
        assert!(is_there(&first) && !is_there(&second) && is_there(&third));
        let also_busy = third.work();
        assert!(enter(&crowd, "192.0.2.1").is_none());
        assert!(enter(&crowd, "192.0.2.2").is_some());
        drop(busy);
        assert!(enter(&crowd, "192.0.2.1").is_none(), "its answer may not have left yet");
        tokio::time::advance(FAREWELL).await;
        assert!(enter(&crowd, "192.0.2.1").is_some() && !is_there(&first));
        drop(also_busy);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_house_sends_the_idlest_of_the_largest_client_away() {
        let crowd = crowd(3, 10);
        let quiet = enter(&crowd, "192.0.2.1").unwrap();
        let many = [(); 2].map(|()| enter(&crowd, "192.0.2.2").unwrap());
        crowd.has_room().await;
        assert!(is_there(&quiet) && !is_there(&many[0]) && is_there(&many[1]));
        many[0].is_needed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_house_full_of_requests_waits_for_one_to_end() {
        let crowd = crowd(1, 10);
        let place = enter(&crowd, "192.0.2.1").unwrap();
        let work = place.work();
        let waiting = tokio::spawn(async move { crowd.has_room().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished() && is_there(&place));
        drop(work);
        waiting.await.unwrap();
        assert!(!is_there(&place));
    }

    #[test]
    fn one_who_speaks_for_others_counts_for_no_client() {
        let crowd = crowd(10, 1);
        let peer = Peer::Ip([127, 0, 0, 1].into());
        let places: Vec<_> = (0..5).map(|_| crowd.enter(peer, true).unwrap()).collect();
        assert_eq!(places.len(), 5);
        assert!([Peer::Unix; 5].map(|peer| crowd.enter(peer, false)).iter().all(Option::is_some));
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let group = |address: &str| client_group(Some(address.parse().unwrap())).unwrap().to_string();
        for (address, expected) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::1", "2001:db8:1:2::"),
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(group(address), expected);
        }
    }
}
