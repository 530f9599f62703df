//! Every error code of the API: its status, its title, and what to do about it.

use http::StatusCode;

/// What a code stands for.
#[derive(Debug, Clone, Copy)]
pub struct CodeInfo {
    /// Its stable name.
    pub code: &'static str,
    /// Its status.
    pub status: StatusCode,
    /// A short title.
    pub title: &'static str,
    /// What it means and what to do, for the page behind the problem's type.
    pub help: &'static str,
}

macro_rules! codes {
    ($($name:ident $code:literal $status:ident $title:literal $help:literal;)*) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        /// All codes.
        pub const CODES: &[Code] = &[$(Code::$name,)*];

        impl Code {
            /// What it stands for.
            pub const fn info(self) -> CodeInfo {
                match self {
                    $(Self::$name => CodeInfo {
                        code: $code,
                        status: StatusCode::$status,
                        title: $title,
                        help: $help,
                    },)*
                }
            }
        }
    };
}

codes! {
    MalformedBody "malformed_body" BAD_REQUEST "Malformed body" "The body is not valid JSON in UTF-8. The detail names the place.";
    InvalidField "invalid_field" BAD_REQUEST "Invalid field" "A field is missing or has a value that cannot be. `errors` lists every fault with its JSON Pointer.";
    UnknownField "unknown_field" BAD_REQUEST "Unknown field" "The body has a field that this route does not know, perhaps a typo. `errors` lists each.";
    UnknownParameter "unknown_parameter" BAD_REQUEST "Unknown parameter" "The query has a parameter that this route does not know.";
    InvalidCursor "invalid_cursor" BAD_REQUEST "Invalid cursor" "Pass the `next` of the answer before, unchanged, as `after`.";
    InvalidHeader "invalid_header" BAD_REQUEST "Invalid header" "A header has a value that cannot be. The detail names it.";
    WeakIdempotencyKey "weak_idempotency_key" BAD_REQUEST "Weak Idempotency-Key" "An Idempotency-Key has 16 to 255 visible ASCII characters; a random UUID is best.";
    CredentialsMissing "credentials_missing" UNAUTHORIZED "Credentials missing" "Send `Authorization: Bearer …` with the token of the hold or booking, or with an API key.";
    CredentialsWrong "credentials_wrong" FORBIDDEN "Credentials wrong" "The token or key is not one that this server gave out, or belongs to another hold or booking.";
    ScopeMissing "scope_missing" FORBIDDEN "Scope missing" "The API key is valid but may not do this. `scope` names what it would need.";
    ConfirmNotAllowed "confirm_not_allowed" FORBIDDEN "Confirming not allowed" "Here only a sell or admin key may confirm and cancel.";
    OriginNotAllowed "origin_not_allowed" FORBIDDEN "Origin not allowed" "A page of another origin may open a WebSocket here only if `cors.origins` has its origin.";
    RouteNotFound "route_not_found" NOT_FOUND "No such route" "There is nothing at this path.";
    CinemaNotFound "cinema_not_found" NOT_FOUND "No such cinema" "There is no cinema of this id.";
    MovieNotFound "movie_not_found" NOT_FOUND "No such movie" "There is no movie of this id.";
    AuditoriumNotFound "auditorium_not_found" NOT_FOUND "No such auditorium" "There is no auditorium of this id.";
    PlanNotFound "plan_not_found" NOT_FOUND "No such plan" "There is no seating plan of this hash.";
    ShowtimeNotFound "showtime_not_found" NOT_FOUND "No such showtime" "There is no showtime of this id, or it is not published.";
    HoldNotFound "hold_not_found" NOT_FOUND "No such hold" "There is no hold of this id, or it ended more than a day ago.";
    BookingNotFound "booking_not_found" NOT_FOUND "No such booking" "There is no booking of this id.";
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "Method not allowed" "The path exists, but not with this method. The Allow header lists those it has.";
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "Body too large" "The body has more bytes than `limit`.";
    HeadTooLarge "head_too_large" REQUEST_HEADER_FIELDS_TOO_LARGE "Head too large" "The request line and the headers have more than `limit` bytes, or there are over 100 headers.";
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "Unsupported media type" "Send the body as `Content-Type: application/json`.";
    SeatUnavailable "seat_unavailable" CONFLICT "Seats unavailable" "`conflicts` lists each seat that cannot be had and why: held, booked, blocked, or claimed (being taken this instant: worth one retry after 50 to 200 ms). Nothing was changed.";
    VersionMismatch "version_mismatch" CONFLICT "Version mismatch" "Seats have changed since you looked. `conflicts` lists each with the expected and the actual version. Read the seats again.";
    NotOnSale "not_on_sale" CONFLICT "Not on sale" "The sale has not opened (`on_sale_at` says when it will) or is over.";
    ShowtimeCancelled "showtime_cancelled" CONFLICT "Showtime cancelled" "The showtime was called off; nothing can be changed in it any more.";
    ShowtimeInUse "showtime_in_use" CONFLICT "Showtime in use" "Movie and currency can be changed, and the showtime deleted, only before the first hold. Later it can be cancelled.";
    HoldExpired "hold_expired" CONFLICT "Hold expired" "The hold's time is over. Hold the seats again, if they are still free.";
    HoldNotActive "hold_not_active" CONFLICT "Hold not active" "The hold was booked or released already.";
    HoldLimitReached "hold_limit_reached" CONFLICT "Hold limit reached" "The hold has reached `extendable_until`. Book it or let it go.";
    TooLate "too_late" CONFLICT "Too late" "The show has begun; only staff can cancel now.";
    ExternalIdTaken "external_id_taken" CONFLICT "External id taken" "Another of its kind has this external_id; `id` names it.";
    InUse "in_use" CONFLICT "In use" "Showtimes (or auditoriums) still use it, so it cannot be deleted. `showtimes` tells how many, `showtime` names one.";
    IdempotencyInProgress "idempotency_in_progress" CONFLICT "Request in progress" "The first request with this Idempotency-Key has not ended yet; ask again in a moment.";
    UnknownSeat "unknown_seat" UNPROCESSABLE_ENTITY "Unknown seat" "The room does not have these seats. Labels are as in the seat map, case included.";
    DuplicateSeat "duplicate_seat" UNPROCESSABLE_ENTITY "Duplicate seat" "Seats are named twice, or are in the hold already.";
    NoSeats "no_seats" UNPROCESSABLE_ENTITY "No seats" "At least one seat is needed; to give all seats of a hold back, DELETE it.";
    TooManySeats "too_many_seats" UNPROCESSABLE_ENTITY "Too many seats" "A hold may have at most `limit` seats.";
    SeatNotInHold "seat_not_in_hold" UNPROCESSABLE_ENTITY "Seat not in hold" "The hold or booking does not have these seats.";
    TtlTooLong "ttl_too_long" UNPROCESSABLE_ENTITY "Time too long" "`ttl_s` may only shorten the time of a hold; `limit` is the longest, in seconds.";
    MissingPrice "missing_price" UNPROCESSABLE_ENTITY "Missing price" "A category of the plan has no price.";
    UnknownCategory "unknown_category" UNPROCESSABLE_ENTITY "Unknown category" "Prices name a category that the plan does not have.";
    UnknownTicket "unknown_ticket" UNPROCESSABLE_ENTITY "Unknown ticket" "The category of these seats has no such ticket.";
    InvalidPlan "invalid_plan" UNPROCESSABLE_ENTITY "Invalid seating plan" "`errors` lists every fault of the plan with its JSON Pointer.";
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY "Idempotency-Key reused" "The same Idempotency-Key came with another request. Use a new key for each request.";
    Internal "internal" INTERNAL_SERVER_ERROR "Internal error" "A fault in the server; its log tells more, by the request id.";
    Overloaded "overloaded" SERVICE_UNAVAILABLE "Overloaded" "Too much waits already. Try again after `retry_after_ms`.";
    StoreUnavailable "store_unavailable" SERVICE_UNAVAILABLE "Store unavailable" "The store cannot be reached or written for now; nothing was done. Try again after `retry_after_ms`.";
    OutcomeUnknown "outcome_unknown" SERVICE_UNAVAILABLE "Outcome unknown" "It may or may not have been done. Repeat the request with the same Idempotency-Key.";
    Draining "draining" SERVICE_UNAVAILABLE "Draining" "This node is going down. Try again after `retry_after_ms`.";
}

impl Code {
    /// The code of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        CODES.iter().copied().find(|code| code.info().code == name)
    }
}
