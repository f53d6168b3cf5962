// Which symbols libnst exports: those of the public headers, and nothing of nst::detail.
#pragma once

// The Python module is made of some of the same sources and exports nothing of them: its build defines the macro empty.
#ifndef NST_API
#define NST_API __attribute__((visibility("default")))
#endif
