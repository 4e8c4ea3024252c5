"""Names that links and redirects are told by: namespaces of files and categories, languages, words.

A dump states its wiki's own names, but not the older ones that pages use too. Pages move between
wikis with their links; so each name is known here for every wiki, but for those that begin titles.
"""

from collections.abc import Mapping

LLAMA_LANGUAGES = tuple("bg ca cs da de en es fr hr hu it nl pl pt ro ru sl sr sv uk".split())

FILE, CATEGORY = 6, 14  # numbers of the namespaces
_FILE = """file image fichier datei bild archivo imagen fitxer imatge ficheiro arquivo imagem imaxe
    bestand afbeelding plik grafika soubor obrázek súbor obrázok fil billede bilde fișier fişier
    datoteka slika датотека слика податотека файл картинка изображение зображення выява fájl kép
    immagine tiedosto kuva αρχείο εικόνα dosya resim tập_tin hình berkas gambar ファイル 画像 파일
    그림 文件 檔案 档案 图像 圖像 ملف صورة پرونده تصویر קובץ תמונה fitxategi irudi dosiero pilt
    vaizdas attēls चित्र ไฟล์ ภาพ ფაილი სურათი պատկեր şəkil fasciculus"""
_CATEGORY = """category catégorie kategorie categoría categoria categorie kategoria kategória
    kategori kategorija категорија категория категорія катэгорыя luokka κατηγορία thể_loại カテゴリ
    분류 分类 分類 تصنيف رده קטגוריה kategorio kategooria श्रेणी หมวดหมู่ კატეგორია կատեգորիա
    kateqoriya"""
_IN_ONE_WIKI = {"ro": "imagine", "et": "fail", "ms": "fail"}  # elsewhere words that titles have
# Links to other languages' pages stand beside the text, whatever their label. Other prefixes of
# two or three letters (rfc, doi, voy) are no languages: the labels of their links are text.
_LANGUAGES = """aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk
    awa ay az azb ba ban bar bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bi bjn blk bm bn
    bo bpy br bs btm bug bxr ca cbk-zam cdo ce ceb ch cho chr chy ckb co cr crh cs csb cu cv cy cz
    da dag de dga din diq dk dsb dtp dty dv dz ee el eml en eo es et eu ext fa fat ff fi fiu-vro fj
    fo fon fr frp frr fur fy ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur guw gv ha
    hak haw he hi hif ho hr hsb ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is it iu ja
    jam jbo jp jv ka kaa kab kbd kbp kcg kg kge ki kj kk kl km kn knc ko koi kr krc ks ksh ku kus
    kv kw ky la lad lb lbe lez lfn lg li lij lld lmo ln lo lrc lt ltg lv lzh mad mai map-bms mdf mg
    mh mhr mi min minnan mk ml mn mni mnw mo mos mr mrj ms mt mus mwl my myv mzn na nah nan nap nb
    nds nds-nl ne new ng nia nl nn no nov nqo nr nrm nso nup nv ny oc olo om or os pa pag pam pap
    pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt pwn qu rm rmy rn ro roa-rup roa-tara rsk ru rue rup
    rw sa sah sat sc scn sco sd se sg sgs sh shi shn shy si simple sk skr sl sm smn sn so sq sr srn
    ss st stq su sv sw syl szl szy ta tay tcy tdd te tet tg th ti tig tk tl tly tn to tpi tr trv ts
    tt tum tw ty tyv udm ug uk ur uz ve vec vep vi vls vo vro wa war wo wuu xal xh xmf yi yo yue za
    zea zgh zh zh-cfr zh-classical zh-cn zh-min-nan zh-tw zh-yue zu"""
LANGUAGES = frozenset(_LANGUAGES.split())
HIDDEN_LINKS = LANGUAGES | {name.replace("_", " ") for name in f"{_FILE} {_CATEGORY}".split()}

REDIRECT_WORDS = """redirect weiterleitung redirection redirección redireccion redirecció rinvia
    rinvio rimando redirecionamento doorverwijzing tam przekieruj patrz přesměruj presmeruj
    omdirigering omdiriger preusmjeri preusmeri preusmeritev преусмери преусмјери преусмеравање
    перенаправление перенапр перенаправлення пренасочване виж átirányítás redirecteaza ohjaus
    uudelleenohjaus yönlendirme yönlendir suuna birzuzendu alidirektu adkas tilvísun peradresavimas
    ridrejto alih lencong đổi ail-cyfeirio ανακατευθυνση ανακατεύθυνση перанакіраванне
    перанакіраваньне пренасочување айдау վերահղում გადამისამართება تحويل تغییرمسیر تغییر_مسیر הפניה
    अनुप्रेषित पुनर्निर्देशित पुनर्निर्देशन পুনর্নির্দেশ পুনঃনির্দেশ வழிமாற்று దారిమార్పు
    തിരിച്ചുവിടുക 転送 リダイレクト 넘겨주기 重定向 重新導向""".split()


def hidden_links(namespaces: Mapping[int, str], language: str = "") -> frozenset[str]:
    """The prefixes, in lower case, of links that show no text in a wiki with these namespaces."""
    own = {namespaces.get(number, "").lower() for number in (FILE, CATEGORY)}
    return HIDDEN_LINKS | own | {_IN_ONE_WIKI.get(language, "")} - {""}
