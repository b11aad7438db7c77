//! What a caller meets before the queue: greeting, menu, hours, and where the call goes next.
