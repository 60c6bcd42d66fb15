//! More calls at the same time over one connection than the server allows, and messages that are announced
//! and do not come.

use crate::http2::{Http2, flag, kind};
use crate::victim::Victim;

/// Calls that the server allows over one connection at the same time.
const ALLOWED: u32 = 1024;
/// Calls above that.
const ABOVE: u32 = 100;
/// Code with which a call is refused that may be tried again.
const REFUSED_STREAM: u32 = 7;

#[test]
fn calls_above_the_limit_are_refused_and_others_go_on() {
    let victim = Victim::start(&[]);
    victim.withstands(|| {
        let mut connection = Http2::open(victim.server.grpc());
        for number in 0..ALLOWED + ABOVE {
            connection.headers("ModelStreamInfer", 2 * number + 1, false);
        }
        let mut refused = 0;
        while refused < ABOVE {
            let frame = connection.next().expect("the connection stays open");
            if frame.kind == kind::RST_STREAM {
                assert_eq!(frame.payload, REFUSED_STREAM.to_be_bytes());
                assert!(frame.stream > 2 * ALLOWED, "{}", frame.stream);
                refused += 1;
            }
        }
    });
}

/// The greatest length that is allowed, 2 GiB less one, for as many calls as there can be.
#[test]
fn messages_that_are_announced_take_no_memory() {
    let victim = Victim::start(&[]);
    victim.withstands(|| {
        let mut connection = Http2::open(victim.server.grpc());
        for number in 0..ALLOWED {
            connection.headers("ModelInfer", 2 * number + 1, false);
            connection.message_head(2 * number + 1, i32::MAX as u32);
        }
        let mut ended = 0;
        while ended < ALLOWED {
            let frame = connection.next().expect("the connection stays open");
            let ends = frame.kind == kind::HEADERS && frame.flags & flag::END_STREAM != 0;
            ended += u32::from(ends);
        }
    });
}
