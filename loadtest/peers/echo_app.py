"""Peer (a'): the same echo on aiohttp's Application with its router, the way most services are written."""

from loadtest.peers import echo, routes, serving

if __name__ == "__main__":
    serving.serve(
        serving.parse("aiohttp echo with a router."), lambda: routes.with_application(echo.HANDLERS)
    )
