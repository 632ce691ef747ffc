"""Plans: who provides what, in which order, and what start-up refuses."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Generic, TypeVar

import pytest

from apistar.exceptions import ConfigurationError, DependencyCycle, UnknownDependency, UsageError
from apistar.injector import Component, Injector, Lifetime, Provider, explained

T = TypeVar("T")


class User:
    def __init__(self, name: str = "ada") -> None:
        self.name = name


class Session:
    pass


class Repo(Generic[T]):
    pass


class UserComponent(Component):
    def resolve(self) -> User:
        return User()


class Log(list[str]):
    pass


class LogComponent(Component):
    def __init__(self) -> None:
        self.log = Log()

    def resolve(self) -> Log:
        return self.log


async def run(injector: Injector, handler: Any, *, error: Exception | None = None) -> Any:
    program = injector.program(object())
    plan = program.plan(handler)
    injector.finish()
    resolution = program.resolution(None)
    try:
        return await resolution.run(plan)
    finally:
        cleanup = resolution.close(error)
        if cleanup is not None:
            await cleanup


async def test_plan_resolves_a_dependency_once_for_all_who_ask() -> None:
    calls: list[str] = []

    class Counted(Component):
        def resolve(self) -> User:
            calls.append("user")
            return User()

    class SessionOfUser(Component):
        async def resolve(self, user: User) -> Session:
            calls.append(user.name)
            return Session()

    async def handler(user: User, session: Session, again: User) -> bool:
        return user is again and isinstance(session, Session)

    assert await run(Injector([Counted(), SessionOfUser()], []), handler) is True
    assert calls == ["user", "ada"]


async def test_plan_cleans_up_generators_in_reverse_order() -> None:
    class First(Component):
        async def resolve(self, log: Log) -> AsyncIterator[User]:
            log.append("user up")
            yield User()
            log.append("user down")

    class Second(Component):
        def resolve(self, log: Log, user: User) -> Iterator[Session]:
            log.append("session up")
            yield Session()
            log.append("session down")

    async def handler(session: Session, log: Log) -> None:
        log.append("handler")

    component = LogComponent()
    await run(Injector([First(), Second(), component], []), handler)
    assert component.log == ["user up", "session up", "handler", "session down", "user down"]


async def test_cleanup_sees_the_error_of_the_handler() -> None:
    seen: list[str] = []

    class Failing(Component):
        async def resolve(self) -> AsyncIterator[Session]:
            try:
                yield Session()
            except ValueError as error:
                seen.append(str(error))
                raise

    async def handler(session: Session) -> None:
        return None

    await run(Injector([Failing()], []), handler, error=ValueError("boom"))
    assert seen == ["boom"]


async def test_identity_is_the_annotation_not_its_name() -> None:
    def another() -> type:
        class User:
            pass

        return User

    other = another()

    def handler(user: Any) -> None:
        return None

    handler.__annotations__["user"] = other
    with pytest.raises(UnknownDependency, match="UserComponent provides another class of that name"):
        Injector([UserComponent()], []).program(object()).plan(handler)


async def test_annotated_is_its_own_identity_and_falls_back_to_the_bare_type() -> None:
    class Admin(Component):
        def resolve(self) -> Annotated[User, "admin"]:
            return User("root")

    async def handler(admin: Annotated[User, "admin"], plain: Annotated[User, "other"]) -> list[str]:
        return [admin.name, plain.name]

    assert await run(Injector([UserComponent(), Admin()], []), handler) == ["root", "ada"]


async def test_generic_alias_is_an_identity() -> None:
    class Users(Component):
        def resolve(self) -> Repo[User]:
            return Repo()

    async def handler(users: Repo[User]) -> str:
        return type(users).__name__

    assert await run(Injector([Users()], []), handler) == "Repo"

    async def wrong(sessions: Repo[Session]) -> None:
        return None

    with pytest.raises(UnknownDependency):
        Injector([Users()], []).program(object()).plan(wrong)


async def test_optional_gets_the_component_or_none() -> None:
    async def handler(user: User | None, session: Session | None, default: Session | None = None) -> list[Any]:
        return [user and user.name, session, default]

    assert await run(Injector([UserComponent()], []), handler) == ["ada", None, None]


async def test_default_stands_where_nothing_provides() -> None:
    fallback = Session()

    async def handler(session: Session = fallback, *, user: User) -> list[Any]:
        return [session is fallback, user.name]

    assert await run(Injector([UserComponent()], []), handler) == [True, "ada"]


async def test_component_may_ask_who_asked() -> None:
    class Name(Component):
        def resolve(self, parameter: inspect.Parameter) -> User:
            return User(parameter.name)

    async def handler(ada: User, bob: User, again: User) -> list[str]:
        return [ada.name, bob.name, again.name]

    assert await run(Injector([Name()], []), handler) == ["ada", "bob", "again"]


async def test_component_may_handle_a_family_of_types() -> None:
    class Anything(Component):
        def can_handle_parameter(self, parameter: inspect.Parameter) -> bool:
            return parameter.annotation in (User, Session)

        def resolve(self, parameter: inspect.Parameter) -> object:
            return parameter.annotation()

    async def handler(user: User, session: Session) -> list[str]:
        return [type(user).__name__, type(session).__name__]

    assert await run(Injector([Anything()], []), handler) == ["User", "Session"]


async def test_provider_gives_a_new_value_for_each_block_and_cleans_it_up() -> None:
    log: list[str] = []

    class Sessions(Component):
        async def resolve(self) -> AsyncIterator[Session]:
            log.append("up")
            yield Session()
            log.append("down")

    async def handler(sessions: Provider[Session]) -> bool:
        async with sessions() as first:
            log.append("first")
        async with sessions() as second:
            log.append("second")
        return first is not second

    assert await run(Injector([Sessions()], []), handler) is True
    assert log == ["up", "first", "down", "up", "second", "down"]


async def test_provider_breaks_a_circle() -> None:
    class Users(Component):
        def resolve(self, sessions: Provider[Session]) -> User:
            return User()

    class Sessions(Component):
        def resolve(self, user: User) -> Session:
            return Session()

    async def handler(session: Session) -> str:
        return type(session).__name__

    assert await run(Injector([Users(), Sessions()], []), handler) == "Session"


async def test_provider_refuses_unknown_parameters() -> None:
    async def handler(users: Provider[User]) -> None:
        async with users(room="lobby"):
            raise AssertionError

    with pytest.raises(UsageError, match=r"Provider\[User\] takes no parameter 'room'; it asks for: none"):
        await run(Injector([UserComponent()], []), handler)


async def test_cancelled_handler_is_cleaned_up() -> None:
    log: list[str] = []

    class Sessions(Component):
        async def resolve(self) -> AsyncIterator[Session]:
            try:
                yield Session()
            finally:
                log.append("down")

    started = asyncio.Event()

    async def handler(session: Session) -> None:
        started.set()
        await asyncio.Event().wait()

    injector = Injector([Sessions()], [])
    task = asyncio.create_task(run(injector, handler))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["down"]


def test_unknown_dependency_names_the_chain_and_the_place() -> None:
    class Sessions(Component):
        def resolve(self, user: User) -> Session:
            return Session()

    def handler(session: Session) -> None:
        return None

    with pytest.raises(UnknownDependency) as raised:
        Injector([Sessions()], []).program(object()).plan(handler)
    assert raised.value.chain == ("handler", "Session", "User")
    assert re.search(
        r"handler → Session → User: nothing provides parameter 'user' of .*test_plans\.py:\d+", str(raised.value)
    )
    assert "add a Component whose resolve() returns User" in str(raised.value)


def test_unknown_dependency_of_a_provider_names_who_asked_for_it() -> None:
    async def handler(sessions: Provider[Session]) -> None: ...

    injector = Injector([], [])
    injector.program(object()).plan(handler)
    with pytest.raises(
        UnknownDependency, match=r"nothing provides parameter 'sessions' of handler \(.*test_plans.py:\d+\)"
    ):
        injector.finish()


def test_provider_without_a_type_is_told_what_to_write() -> None:
    async def handler(sessions: Provider) -> None: ...  # type: ignore[type-arg]  # the mistake that is tested

    with pytest.raises(UnknownDependency, match=r"write what it is to give, `sessions: Provider\[Session\]`"):
        Injector([], []).program(object()).plan(handler)


def test_resolve_that_is_a_context_manager_already_is_refused() -> None:
    class Decorated(Component):
        @contextlib.asynccontextmanager
        async def resolve(self) -> AsyncIterator[User]:
            yield User()

    with pytest.raises(
        ConfigurationError, match=r"Decorated\.resolve \(.*\) gives a context manager; .* leave the decorator"
    ):
        Injector([Decorated()], [])


def test_cycle_is_refused_with_its_chain() -> None:
    class Users(Component):
        def resolve(self, session: Session) -> User:
            return User()

    class Sessions(Component):
        def resolve(self, user: User) -> Session:
            return Session()

    def chat(user: User) -> None:
        return None

    with pytest.raises(DependencyCycle, match="chat → User → Session → User: User needs itself"):
        Injector([Users(), Sessions()], []).program(object()).plan(chat)


@pytest.mark.parametrize(
    ("components", "sentence"),
    [
        ([UserComponent], "must be instances of Component"),
        ([object()], "must be instances of Component"),
        ([UserComponent(), UserComponent()], "both provide User; leave one of them out"),
    ],
)
def test_injector_refuses_components_that_cannot_be(components: list[Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Injector(components, [])


def test_component_without_return_annotation_is_refused() -> None:
    class Silent(Component):
        def resolve(self):  # type: ignore[no-untyped-def]  # the mistake that is tested
            return 1

    with pytest.raises(ConfigurationError, match="has no return annotation"):
        Injector([Silent()], [])


async def test_application_lifetime_is_built_once_and_closed() -> None:
    log: list[str] = []

    class Pool:
        pass

    class Pools(Component):
        lifetime = Lifetime.APP

        async def resolve(self) -> AsyncIterator[User]:
            log.append("up")
            yield User("pool")
            log.append("down")

    async def handler(user: User) -> User:
        return user

    injector = Injector([Pools()], [])
    program = injector.program(object())
    plan = program.plan(handler)
    injector.finish()
    await injector.start(None)
    first = await program.resolution(None).run(plan)
    second = await program.resolution(None).run(plan)
    assert first is second
    assert log == ["up"]
    await injector.stop()
    assert log == ["up", "down"]
    with pytest.raises(RuntimeError, match="before the application was started"):
        await program.resolution(None).run(plan)


def test_application_lifetime_cannot_ask_for_a_connection() -> None:
    class Pools(Component):
        lifetime = Lifetime.APP

        def resolve(self, user: User) -> Session:
            return Session()

    injector = Injector([UserComponent(), Pools()], [])
    with pytest.raises(ConfigurationError, match=r"give UserComponent `lifetime = Lifetime\.APP`"):
        injector.finish()


async def test_failed_start_cleans_up_what_was_started() -> None:
    log: list[str] = []

    class First(Component):
        lifetime = Lifetime.APP

        async def resolve(self) -> AsyncIterator[User]:
            try:
                yield User()
            finally:
                log.append("user down")

    class Second(Component):
        lifetime = Lifetime.APP

        async def resolve(self, user: User) -> Session:
            raise OSError("no database")

    injector = Injector([First(), Second()], [])
    injector.finish()
    with pytest.raises(OSError, match="no database"):
        await injector.start(None)
    assert log == ["user down"]
    assert not injector.started


def test_explain_shows_the_steps_the_call_and_the_cleanups() -> None:
    class Sessions(Component):
        async def resolve(self, user: User) -> AsyncIterator[Session]:
            yield Session()

    def handler(session: Session) -> None:
        return None

    plan = Injector([UserComponent(), Sessions()], []).program(object()).plan(handler)
    lines = [re.sub(r"  .*", "", line) for line in explained(plan)]
    assert lines == ["1. User", "2. Session (async, cleaned up)", "3. call handler", "4. clean up Session"]


def test_unresolvable_string_annotation_says_where() -> None:
    def handler(value: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821  # there is none
        return None

    with pytest.raises(ConfigurationError, match=r"annotation of handler \(.*test_plans\.py:\d+\) cannot be resolved"):
        Injector([], []).program(object()).plan(handler)
