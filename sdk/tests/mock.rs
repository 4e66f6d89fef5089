//! The mock answers what it was told to, and nothing answers without it.

use std::panic::catch_unwind;

use igor_sdk::mock::Mock;
use igor_sdk::{
    ENTROPY_BYTES_MAX, MoveError, RandError, ReceiptError, clock_now, log, migrate_request,
    node_price, rand_array, rand_bytes, wallet_balance, wallet_receipt, wallet_receipt_count,
};

/// The message of the panic that `call` ends in.
fn panic_of<T>(call: fn() -> T) -> String {
    let payload = catch_unwind(call).err().expect("the call panics");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => {
            (*payload.downcast::<&str>().expect("a panic's message is text")).to_owned()
        }
    }
}

#[test]
fn without_a_mock_each_hostcall_panics_and_names_itself() {
    let calls: [(&str, fn()); 8] = [
        ("clock_now", || {
            let _ = clock_now();
        }),
        ("rand_bytes", || {
            let _ = rand_array::<1>();
        }),
        ("log_emit", || log("x")),
        ("wallet_balance", || {
            let _ = wallet_balance();
        }),
        ("wallet_receipt_count", || {
            let _ = wallet_receipt_count();
        }),
        ("wallet_receipt", || {
            let _ = wallet_receipt(0);
        }),
        ("node_price", || {
            let _ = node_price();
        }),
        ("migrate_request", || {
            let _ = migrate_request(0, "");
        }),
    ];
    for (name, call) in calls {
        let message = panic_of(call);
        assert!(message.contains(name) && message.contains("Mock::new().install()"), "{message}");
    }
}

#[test]
fn dropping_the_mock_ends_it_and_another_may_follow() {
    drop(Mock::new().install());
    assert!(panic_of(clock_now).contains("without a mock"));
    let _node = Mock::new().install();
    assert!(panic_of(|| Mock::new().install()).contains("answers on this thread already"));
    assert_eq!(clock_now(), 1_000_000_000);
}

#[test]
fn a_mock_answers_only_on_its_own_thread() {
    let _node = Mock::new().install();
    let other = std::thread::spawn(|| panic_of(clock_now)).join().expect("it catches the panic");
    assert!(other.contains("without a mock"), "{other}");
}

#[test]
fn the_clock_steps_follows_a_script_or_asks_the_test() {
    let node = Mock::new().install();
    assert_eq!([clock_now(), clock_now()], [1_000_000_000, 2_000_000_000]);
    node.set_clock(-5, 0);
    assert_eq!([clock_now(), clock_now()], [-5, -5]);
    drop(node);

    let node = Mock::new().clock_script([7, 3]).install();
    assert_eq!([clock_now(), clock_now()], [7, 3]);
    assert!(panic_of(clock_now).contains("script is used up"));
    drop(node);

    // The function may make hostcalls itself.
    let _node = Mock::new().balance(11).clock_from(wallet_balance).install();
    assert_eq!(clock_now(), 11);
}

#[test]
fn random_bytes_are_a_function_of_the_seed_or_a_script() {
    let draw = |mock: Mock| {
        let _node = mock.install();
        [rand_array::<12>(), rand_array::<12>()]
    };
    let [first, second] = draw(Mock::new().random_seed(1));
    assert_ne!(first, second);
    assert_eq!(draw(Mock::new().random_seed(1)), [first, second]);
    assert_ne!(draw(Mock::new().random_seed(2)), [first, second]);

    let _node = Mock::new().random_script([1, 2, 3]).install();
    assert_eq!(rand_bytes(&mut []), Ok(()));
    assert_eq!(rand_array(), Ok([1, 2]));
    assert!(panic_of(rand_array::<2>).contains("script is used up"));
}

#[test]
fn random_bytes_are_refused_above_the_cap_and_when_there_are_none() {
    let node = Mock::new().install();
    assert_eq!(rand_bytes(&mut vec![0; ENTROPY_BYTES_MAX]), Ok(()));
    assert_eq!(rand_bytes(&mut vec![0; ENTROPY_BYTES_MAX + 1]), Err(RandError::TooMany));
    drop(node);
    let _node = Mock::new().without_random().install();
    assert_eq!(rand_array::<1>(), Err(RandError::Unavailable));
}

#[test]
fn the_log_is_kept_without_empty_lines() {
    let node = Mock::new().install();
    log("one");
    log("");
    igor_sdk::log!("{} and {}", "two", 3);
    assert_eq!(node.take_log(), ["one", "two and 3"]);
    assert_eq!(node.take_log(), [""; 0]);
}

#[test]
fn wallet_and_price_answer_what_they_were_set_to() {
    let node = Mock::new().balance(500).price(1_000).receipt([1, 2]).install();
    assert_eq!((wallet_balance(), node_price(), wallet_receipt_count()), (500, 1_000, 1));
    node.set_balance(499);
    node.set_price(2_000);
    node.add_receipt([3; 1_500]);
    assert_eq!((wallet_balance(), node_price(), wallet_receipt_count()), (499, 2_000, 2));
    assert_eq!(wallet_receipt(0), Ok(vec![1, 2]));
    assert_eq!(wallet_receipt(1), Ok(vec![3; 1_500]), "a larger buffer is tried");
    assert_eq!(wallet_receipt(2), Err(ReceiptError::NoSuchReceipt));
    assert_eq!(wallet_receipt(u32::MAX), Err(ReceiptError::NoSuchReceipt));
    node.add_receipt([4; 65_536]);
    node.add_receipt([5; 65_537]);
    assert_eq!(wallet_receipt(2), Ok(vec![4; 65_536]));
    assert_eq!(wallet_receipt(3), Err(ReceiptError::TooLarge));
}

#[test]
fn wishes_to_move_are_noted_or_refused_as_a_node_does() {
    let node = Mock::new().install();
    assert_eq!(migrate_request(500, ""), Ok(()));
    assert_eq!(migrate_request(0, "paris"), Ok(()));
    assert_eq!(migrate_request(-1, ""), Err(MoveError::NoSuchWish));
    assert_eq!(migrate_request(1 << 53, ""), Err(MoveError::NoSuchWish));
    assert_eq!(migrate_request(0, "\n"), Err(MoveError::NoSuchWish));
    assert_eq!(migrate_request(0, &"x".repeat(256)), Err(MoveError::NameTooLong));
    assert_eq!(node.take_wishes(), [(500, String::new()), (0, "paris".to_owned())]);
    assert_eq!(node.take_wishes(), []);
    drop(node);
    let _node = Mock::new().without_moves().install();
    assert_eq!(migrate_request(0, ""), Err(MoveError::Forbidden));
}
